package guest

import "testing"

func TestPlaces(t *testing.T) {
	for _, tt := range []struct{ processors, free, mib, want int }{
		{1, 20000, 1024, 1},
		{2, 20000, 1024, 3},
		{4, 20000, 1024, 6},
		{64, 20000, 1024, 9},
		{2, 3000, 512, 1},
		{4, 100, 1024, 1},
	} {
		if got := places(tt.processors, tt.free, tt.mib); got != tt.want {
			t.Errorf("%d processors and %d MiB have places for %d guests of %d MiB, want %d", tt.processors, tt.free, got, tt.mib, tt.want)
		}
	}
	if n, err := Places("512M", "1G"); n < 1 || err != nil {
		t.Errorf("this host has %d places, %v", n, err)
	}
	if _, err := Places("lots"); err == nil {
		t.Error("a size that is none was taken")
	}
}
