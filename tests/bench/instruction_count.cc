// A plugin of qemu-user that counts the instructions of each process, and tells them when it ends.
#include <cinttypes>
#include <cstdio>

#include "tests/bench/qemu_plugin.h"

static std::uint64_t count;

static void translated(plugin_id id, struct qemu_plugin_tb* block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, 0, &count, qemu_plugin_tb_n_insns(block));
}

static void ended(plugin_id id, void* with) {
  (void)id;
  (void)with;
  std::fprintf(stderr, "instructions %" PRIu64 "\n", count);
}
