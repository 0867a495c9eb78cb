// Queue session: brings a queue request to where the spool is: to the running agent through its socket, or, when
// none runs, to the spool itself, under its lock.
//
// Promise    The answer is the same either way. Nothing but what the request changes is changed; a damaged
//            spool is never set aside by a command.
// Limits     Progress is drawn on standard error, if that is a terminal.
// Threads    The caller's: runs the loop, or works itself.
// Tests      tests/e2e/run (the_queue_*)
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/cli/progress_bar.h"
#include "agent/control/queue_answer.h"
#include "agent/spool/spool.h"
#include "agent/spool/view.h"
#include "agent/vault/vault.h"
#include "platform/base/result.h"
#include "platform/linux/linux.h"

namespace pinaflux {

struct QueueTarget {
  std::string configuration;
  std::string socket;  // Empty: the configuration's. Given: an agent must run there.
  std::string spool;  // A spool's folder: no agent, no configuration (a card from another gateway).
};

class QueueSession {
 public:
  // An error of it ends the request, and is for the caller to say.
  using Take = std::function<Status(Bytes bytes)>;
  static Status print(Bytes bytes);

  // Errors are said on standard error; then `status` is what to exit with.
  static std::optional<QueueSession> open(const QueueTarget& target, int& status);

  // A request that is followed by bytes.
  struct Question {
    std::string line;
    std::string content;
  };

  // The exit status: 0, 65 when damage was found, or by the error.
  int run(const std::string& request, const char* what, const Take& take);
  // The same for a request that a running agent alone can do.
  int run_running(const Question& question, const char* what, const Take& take);
  // The same for an operation that is made with the agent stopped alone.
  int run_stopped(Operation& operation, const char* what, const Take& take) {
    return work(operation, what, take);
  }
  // On standard error; the exit status.
  int say(const Error& error, const std::string& text = "") const;
  int say_unopened(const Error& error, long holder) const;

  LinuxPlatform& platform() { return *platform_; }
  const SpoolOptions& spool() const { return spool_; }
  const Vault* vault() const { return &vault_; }

 private:
  enum class Asked { answered, nobody };
  Asked ask(const Question& question, const char* what, const Take& take, int& status);
  Status load_keys(std::vector<Vault::Reference> keys);
  int work(Operation& operation, const char* what, const Take& take);

  std::unique_ptr<LinuxPlatform> platform_;
  SpoolOptions spool_;
  Vault vault_;               // The spool's keys.
  Status keys_read_;          // A running agent has read them itself.
  std::string socket_;        // Empty: there is none.
  bool must_answer_ = false;  // The socket was named.
};

}  // namespace pinaflux
