// A plugin of qemu-user that tells the functions of a process in the order of their first execution, when it ends:
// a line `executed NAME` each. The program must not be stripped.
//
// Source     docs/about/emulation.rst and include/qemu/qemu-plugin.h of QEMU (version 1 of the interface, 4.2 on);
//            Debian packages no header, so what is used of it is declared here.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <set>
#include <string>
#include <vector>

extern "C" {

struct qemu_plugin_tb;
struct qemu_plugin_insn;
using plugin_id = std::uint64_t;

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                           void (*translated)(plugin_id, struct qemu_plugin_tb*));
void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void*), void* with);
std::size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* block, std::size_t n);
const char* qemu_plugin_insn_symbol(const struct qemu_plugin_insn* instruction);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static std::mutex lock;
static std::set<std::string> known;
static std::vector<std::string> in_order;

static void translated(plugin_id id, struct qemu_plugin_tb* block) {
  (void)id;
  if (qemu_plugin_tb_n_insns(block) == 0) return;
  const char* name = qemu_plugin_insn_symbol(qemu_plugin_tb_get_insn(block, 0));
  if (name == nullptr || *name == '\0') return;
  const std::lock_guard guard(lock);
  if (known.insert(name).second) in_order.emplace_back(name);
}

static void ended(plugin_id id, void* with) {
  (void)id;
  (void)with;
  const std::lock_guard guard(lock);
  for (const std::string& name : in_order) std::fprintf(stderr, "executed %s\n", name.c_str());
}

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
