#include "agent/cli/queue_session.h"

#include <cstdio>
#include <utility>

#include "agent/cli/control_client.h"
#include "agent/cli/exit_status.h"
#include "agent/config/load.h"
#include "agent/control/queue_request.h"

namespace pinaflux {

namespace {

// Where the work is done while no agent runs: on the file as it lies, or on an opened spool.
class Place {
 public:
  static Result<std::unique_ptr<Place>> open(const SpoolOptions& options, LinuxPlatform& platform,
                                             const Vault& vault, bool changes, long& holder) {
    auto place = std::make_unique<Place>();
    auto view = View::open(options, platform.files, holder, &vault);
    if (!view) return std::unexpected(view.error());
    place->view_ = std::move(*view);
    if (!changes) return place;
    place->view_.reset();
    std::vector<std::string> findings;
    SpoolOptions strict = options;
    strict.set_aside = false;
    auto spool =
        Spool::open(strict, platform.files, platform.clock, platform.entropy, findings, &vault);
    if (!spool) return std::unexpected(spool.error());
    place->spool_ = std::move(*spool);
    return place;
  }
  Result<bool> operate(Operation& operation, Buffer& out) {
    return spool_ ? spool_->operate(operation, out) : view_->operate(operation, out);
  }

 private:
  std::unique_ptr<View> view_;
  std::unique_ptr<Spool> spool_;
};

}  // namespace

Status QueueSession::print(Bytes bytes) {
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  return {};
}

std::optional<QueueSession> QueueSession::open(const QueueTarget& target, int& status) {
  configure_names();
  QueueSession session;
  auto platform = LinuxPlatform::make();
  if (!platform) {
    status = session.say(platform.error());
    return std::nullopt;
  }
  session.platform_ = std::move(*platform);
  if (!target.spool.empty()) {
    long holder = 0;
    auto options = options_of(target.spool, session.platform_->files, holder);
    session.spool_.directory = target.spool;
    if (!options && options.error().code != Code::corrupt) {
      status = session.say(options.error());
      return std::nullopt;
    }
    if (options) session.spool_ = std::move(*options);
    return session;
  }
  session.socket_ = target.socket;
  session.must_answer_ = !target.socket.empty();
  if (session.must_answer_) return session;
  auto loaded = load_configuration(session.platform_->files, target.configuration);
  if (!loaded.configuration) {
    std::fputs(findings_text(loaded.findings).c_str(), stderr);
    std::fputs("  -> name the spool's folder with --spool, or the agent with --socket\n", stderr);
    status = kExitConfiguration;
    return std::nullopt;
  }
  session.socket_ = loaded.configuration->control.socket;
  session.spool_ = loaded.configuration->spool;
  session.keys_read_ = session.load_keys(loaded.configuration->keys);
  return session;
}

// Only the spool's: whoever looks at the queue need not be able to read the others.
Status QueueSession::load_keys(std::vector<Vault::Reference> keys) {
  std::erase_if(keys, [this](const Vault::Reference& key) {
    return key.id != spool_.key && key.id != spool_.key_previous;
  });
  std::string which;
  return vault_.load(platform_->files, keys, which);
}

int QueueSession::run(const std::string& request, const char* what, const Take& take) {
  int status = kExitOk;
  if (!socket_.empty() && ask({request, ""}, what, take, status) == Asked::answered) return status;
  const auto operation = make_operation(request);
  ASSERT(operation != nullptr);
  return work(*operation, what, take);
}

int QueueSession::run_running(const Question& question, const char* what, const Take& take) {
  int status = kExitOk;
  if (!socket_.empty() && ask(question, what, take, status) == Asked::answered) return status;
  return say({Code::refused, 0,
              "no agent runs here, and this goes through its mask and its pipeline: start it "
              "(systemctl start pinaflux), then say it again"});
}

int QueueSession::say_unopened(const Error& error, long holder) const {
  if (error.code != Code::busy || holder == 0) return say(error);
  return say(error, "process " + std::to_string(holder) +
                        " has this spool open: stop the agent first (systemctl stop pinaflux)");
}

QueueSession::Asked QueueSession::ask(const Question& question, const char* what, const Take& take,
                                      int& status) {
  ProgressBar bar(what);
  bool answered = false, over = false;
  Status taken;
  AnswerReader reader([&](const AnswerReader::Piece& piece) {
    bar.show(piece.progress.done, piece.progress.total);
    return taken = take(piece.bytes);
  });
  Status read;
  const Status asked =
      ask_agent_bytes(*platform_->loop, platform_->network, socket_,
                      "queue " + question.line + "\n" + question.content, [&](Bytes bytes) {
                        answered = true;
                        const Result<bool> fed = reader.feed(bytes);
                        if (!fed) read = std::unexpected(fed.error());
                        over = fed && *fed;
                        return fed && !over;
                      });
  bar.clear();
  const bool nobody =
      !asked && !answered &&
      (asked.error().code == Code::not_found || asked.error().code == Code::refused);
  if (nobody && !must_answer_) return Asked::nobody;
  if (!taken) {
    status = exit_status(taken.error());
  } else if (!asked) {
    status = say(asked.error(), nobody ? "no agent answers at " + socket_ : "");
  } else if (!read) {
    status = say(read.error(), reader.text());
  } else if (!over) {
    status = say({Code::closed, 0, "the agent ended before its answer did: try again"});
  } else {
    status = reader.damaged() ? kExitData : kExitOk;
  }
  return Asked::answered;
}

int QueueSession::work(Operation& operation, const char* what, const Take& take) {
  if (!keys_read_) return say(keys_read_.error());
  long holder = 0;
  auto place = Place::open(spool_, *platform_, vault_, operation.changes(), holder);
  Buffer out;
  if (!place && operation.refused(place.error(), out)) {
    if (Status s = take(out); !s) return exit_status(s.error());
    return operation.damaged() ? kExitData : kExitOk;
  }
  if (!place) return say_unopened(place.error(), holder);
  ProgressBar bar(what);
  for (Result<bool> more = true; *more;) {
    out.clear();
    more = (*place)->operate(operation, out);
    if (!more) {
      bar.clear();
      return say(more.error());
    }
    bar.show(operation.progress().done, operation.progress().total);
    if (Status s = take(out); !s) return exit_status(s.error());
  }
  return operation.damaged() ? kExitData : kExitOk;
}

int QueueSession::say(const Error& error, const std::string& text) const {
  std::string words = text.empty() ? error.what : text;
  if (error.code == Code::corrupt) words += "\n  -> look with `pinaflux queue verify`";
  if (spool_.directory.empty()) {
    std::fprintf(stderr, "pinaflux: %s\n", words.c_str());
  } else {
    std::fprintf(stderr, "pinaflux: %s: %s\n", spool_.directory.c_str(), words.c_str());
  }
  return exit_status(error);
}

}  // namespace pinaflux
