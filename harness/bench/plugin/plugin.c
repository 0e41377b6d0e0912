/*
 * A plugin of QEMU that counts what a scenario of the benchmark's workload does. The workload writes to a page, marks=ADDRESS, which part of it
 * begins (userspace/workload/workload.h); at the end of each scenario a section is appended to the files that are wanted:
 *
 *   blocks=FILE   struct block: how often each block of translated code has run in the empty batches, and in those with rounds. One address may
 *                 have several blocks. One without instructions ends the section.
 *   stores=FILE   struct store: how often each instruction has written to each line of memory while there were rounds, by processor: those of
 *                 the kernel to the kernel's memory, and all to the page behind the marks. One without an instruction ends the section. A line has
 *                 1 << line=BITS bytes, and is that of physical memory, as caches have it: a stack of the kernel may be mapped elsewhere each time.
 *
 * The emulator runs its processors in turn, in one thread, when it counts instructions. So nothing is locked here.
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
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_hwaddr;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_W = 2 };
typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu, void *userdata);
typedef void (*qemu_plugin_vcpu_mem_cb_t)(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_tb_trans_cb_t cb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb_t cb,
					  enum qemu_plugin_cb_flags flags, void *userdata);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_mem_cb_t cb,
				      enum qemu_plugin_cb_flags flags, enum qemu_plugin_mem_rw rw, void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t info, uint64_t vaddr);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *address);

int qemu_plugin_version = PLUGIN_VERSION;

/* The parts of a scenario, and its end, as the workload marks them. */
enum part { OUTSIDE, EMPTY, ROUNDS, PARTS, END = PARTS };

static uint64_t marks;
static enum part part;

/* The workload's pages. */
#define PAGE 4096

struct block {
	uint64_t address;
	uint64_t instructions;
	uint64_t executions[PARTS - EMPTY];
};

/* What a kernel makes that boots and runs the whole benchmark is some hundred thousand. */
#define MAX_BLOCKS (1 << 22)

static FILE *blocks_file;
static struct block *blocks;
static size_t nr_blocks;

#define MAX_CPUS 4

struct store {
	uint64_t address; /* of the instruction */
	uint64_t line;
	uint64_t place; /* in the line, where it wrote first: a virtual address */
	uint32_t executions[MAX_CPUS];
};

/* A hash table with linear probing; a store without an address is free. A storm of some hundred forks writes to a million lines. */
#define STORE_BITS 23
#define MAX_STORES (1UL << STORE_BITS)

static FILE *stores_file;
static struct store *stores;
static size_t nr_stores;
static unsigned int line_bits;

static void die(const char *why)
{
	fprintf(stderr, "the counting plugin: %s\n", why);
	_exit(1);
}

static void write_out(FILE *file, const void *record, size_t size)
{
	if (fwrite(record, size, 1, file) != 1)
		die("a result cannot be written");
}

static void end_section(FILE *file, const void *nothing, size_t size)
{
	write_out(file, nothing, size);
	if (fflush(file))
		die("a result cannot be written");
}

static void write_blocks(void)
{
	static const struct block end;
	size_t i;

	for (i = 0; i < nr_blocks; i++) {
		if (blocks[i].executions[0] || blocks[i].executions[1])
			write_out(blocks_file, &blocks[i], sizeof(blocks[i]));
		memset(blocks[i].executions, 0, sizeof(blocks[i].executions));
	}
	end_section(blocks_file, &end, sizeof(end));
}

static void write_stores(void)
{
	static const struct store end;
	size_t i;

	for (i = 0; i < MAX_STORES; i++)
		if (stores[i].address)
			write_out(stores_file, &stores[i], sizeof(stores[i]));
	memset(stores, 0, MAX_STORES * sizeof(*stores));
	nr_stores = 0;
	end_section(stores_file, &end, sizeof(end));
}

static void begin(enum part next)
{
	part = next;
	if (part != END)
		return;
	if (blocks_file)
		write_blocks();
	if (stores_file)
		write_stores();
	part = OUTSIDE;
}

static void note_store(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t address, uint64_t place)
{
	struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, place);
	struct store *store;
	uint64_t line;
	size_t slot;

	if (vcpu >= MAX_CPUS)
		die("there are too many processors");
	if (!hwaddr)
		die("a store has no physical address");
	line = qemu_plugin_hwaddr_phys_addr(hwaddr) >> line_bits;
	slot = ((address ^ line << 20) * 0x9e3779b97f4a7c15) >> (64 - STORE_BITS);
	for (;; slot = (slot + 1) % MAX_STORES) {
		store = &stores[slot];
		if (!store->address)
			break;
		if (store->address == address && store->line == line) {
			store->executions[vcpu]++;
			return;
		}
	}
	if (++nr_stores > MAX_STORES / 2)
		die("there is no room for more stores");
	*store = (struct store){ .address = address, .line = line, .place = place };
	store->executions[vcpu] = 1;
}

/* QEMU 7.2 calls these for loads, too, whatever was asked for. */
static void kernel_stored(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *instruction)
{
	if (part == ROUNDS && vaddr >> 63 && qemu_plugin_mem_is_store(info))
		note_store(vcpu, info, (uintptr_t)instruction, vaddr);
}

static void program_stored(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *instruction)
{
	if (!qemu_plugin_mem_is_store(info))
		return;
	if (vaddr - marks <= END)
		begin(vaddr - marks);
	else if (stores_file && part == ROUNDS && vaddr - marks >= PAGE && vaddr - marks < 2 * PAGE)
		note_store(vcpu, info, (uintptr_t)instruction, vaddr);
}

static void executed(unsigned int vcpu, void *userdata)
{
	struct block *block = userdata;

	(void)vcpu;
	if (part != OUTSIDE)
		block->executions[part - EMPTY]++;
}

static void count_block(struct qemu_plugin_tb *tb)
{
	struct block *block;

	if (nr_blocks == MAX_BLOCKS)
		die("there is no room for more blocks");
	block = &blocks[nr_blocks++];
	block->address = qemu_plugin_tb_vaddr(tb);
	block->instructions = qemu_plugin_tb_n_insns(tb);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS, block);
}

static void watch_stores(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_mem_cb_t stored)
{
	struct qemu_plugin_insn *insn;
	size_t i;

	for (i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		qemu_plugin_register_vcpu_mem_cb(insn, stored, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W,
						 (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn));
	}
}

/* All of the kernel's code has addresses in the upper half on both architectures. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	bool kernel = qemu_plugin_tb_vaddr(tb) >> 63;

	(void)id;
	if (blocks_file)
		count_block(tb);
	if (!kernel)
		watch_stores(tb, program_stored);
	else if (stores_file)
		watch_stores(tb, kernel_stored);
}

static FILE *open_result(const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file)
		die("a result's file cannot be opened");
	return file;
}

static void *allocate(size_t number, size_t size)
{
	void *memory = calloc(number, size);

	if (!memory)
		die("there is no memory");
	return memory;
}

/* The value of an argument of that name, or NULL. */
static const char *value(const char *argument, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(argument, name, len) && argument[len] == '=' ? argument + len + 1 : NULL;
}

static bool take_argument(const char *argument)
{
	const char *v;

	if ((v = value(argument, "marks"))) {
		marks = strtoull(v, NULL, 0);
	} else if ((v = value(argument, "line"))) {
		line_bits = atoi(v);
	} else if ((v = value(argument, "blocks"))) {
		blocks_file = open_result(v);
		blocks = allocate(MAX_BLOCKS, sizeof(*blocks));
	} else if ((v = value(argument, "stores"))) {
		stores_file = open_result(v);
		stores = allocate(MAX_STORES, sizeof(*stores));
	} else {
		return false;
	}
	return true;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!take_argument(argv[i])) {
			fprintf(stderr, "the counting plugin does not know %s\n", argv[i]);
			return -1;
		}
	}
	if (!marks || (stores_file && !line_bits)) {
		fprintf(stderr, "the counting plugin needs marks=ADDRESS, and with stores=FILE line=BITS\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
