/*
 * A plugin of QEMU that counts how often each block of translated code runs. It is given a file, out=FILE, which it keeps mapped and
 * fills with the counts as they are, so that they are there however the emulator ends.
 *
 * The file is an array of struct block; the first one without instructions is the end. One address may have several blocks.
 *
 * Debian 12 has no package with QEMU's header, so what is used of it is declared here, as QEMU's documentation of plugins (TCG Plugins)
 * has it. PLUGIN_VERSION is the version of that interface.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu, void *userdata);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_tb_trans_cb_t cb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb_t cb,
					  enum qemu_plugin_cb_flags flags, void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

int qemu_plugin_version = PLUGIN_VERSION;

struct block {
	uint64_t address;
	uint64_t instructions;
	uint64_t executions;
};

/* A kernel that boots and runs one scenario makes some ten thousand. */
#define MAX_BLOCKS (1 << 20)

static struct block *blocks;
static size_t nr_blocks;

static void executed(unsigned int vcpu, void *userdata)
{
	struct block *block = userdata;

	(void)vcpu; /* there is one */
	block->executions++;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *block;

	(void)id;
	if (nr_blocks == MAX_BLOCKS) {
		fprintf(stderr, "the profiling plugin has no room for more than %d blocks\n", MAX_BLOCKS);
		_exit(1);
	}
	block = &blocks[nr_blocks++];
	block->address = qemu_plugin_tb_vaddr(tb);
	block->instructions = qemu_plugin_tb_n_insns(tb);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS, block);
}

/* Returns 0, or -1 with errno. */
static int map_blocks(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || ftruncate(fd, MAX_BLOCKS * sizeof(*blocks)))
		return -1;
	blocks = mmap(NULL, MAX_BLOCKS * sizeof(*blocks), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return blocks == MAP_FAILED ? -1 : 0;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	static const char out[] = "out=";

	(void)info;
	if (argc != 1 || strncmp(argv[0], out, strlen(out))) {
		fprintf(stderr, "the profiling plugin needs out=FILE\n");
		return -1;
	}
	if (map_blocks(argv[0] + strlen(out))) {
		perror(argv[0] + strlen(out));
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
