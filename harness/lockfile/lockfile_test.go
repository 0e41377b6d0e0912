package lockfile

import (
	"context"
	"path/filepath"
	"testing"
)

func TestCancelEndsTheWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "too", "lock")
	unlock, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Lock(ctx, path); err != context.Canceled {
		t.Errorf("a lock that another has: %v, want %v", err, context.Canceled)
	}
	unlock()
	unlock, err = Lock(t.Context(), path)
	if err != nil {
		t.Fatalf("the lock after a wait that was given up: %v", err)
	}
	unlock()
}
