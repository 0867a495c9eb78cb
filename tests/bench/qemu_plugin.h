// What a plugin of qemu-user needs of QEMU, and its entry: the file that includes this says what is done with each block
// as it is translated, and at the end of the process.
//
// Source     docs/about/emulation.rst and include/qemu/qemu-plugin.h of QEMU (version 1 of the interface, 4.2 on);
//            Debian packages no header, so what is used of it is declared here.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct qemu_plugin_tb;
struct qemu_plugin_insn;
using plugin_id = std::uint64_t;

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                           void (*translated)(plugin_id, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb* block, int add, void* to,
                                              std::uint64_t amount);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void*), void* with);
std::size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* block, std::size_t n);
const char* qemu_plugin_insn_symbol(const struct qemu_plugin_insn* instruction);

static void translated(plugin_id id, struct qemu_plugin_tb* block);
static void ended(plugin_id id, void* with);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void* machine,
                                                               int argc, char** argv) {
  (void)machine;
  (void)argc;
  (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, ended, nullptr);
  return 0;
}
}
