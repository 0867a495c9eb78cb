// A plugin of qemu-user that tells the functions of a process in the order of their first execution, when it ends:
// a line `executed NAME` each. The program must not be stripped.
#include <cstdio>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tests/bench/qemu_plugin.h"

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
