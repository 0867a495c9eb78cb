// SimChildren: helper programs as functions, for tests that take a seed.
//
// Order      A program runs when something happened to it: once at the start, without input, for
//            each piece of input, at the end of it, when its output has room again, and when it
//            asked to; never from within a call of Child or Children.
// Limits     kPipe bytes at most wait each way.
// Ownership  The loop outlives it; it outlives its Child objects.
// Threads    One.
// Tests      tests/platform/children_contract.h
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "platform/children.h"
#include "platform/sim/loop.h"

namespace pinaflux {

// A running program's view of its world.
class SimStdio {
 public:
  static constexpr std::size_t kPipe = 64 << 10;

  virtual ~SimStdio() = default;
  virtual std::size_t print(Bytes bytes) = 0;  // What its output takes now, from the front.
  virtual bool input_ended() const = 0;
  virtual void read(bool reading) = 0;     // While false, input is kept from it.
  virtual void again(Duration after) = 0;  // Run once more then; a new wish replaces the last.
  virtual void end(std::string why) = 0;   // What ended() will say. It is not run again.
};

class SimChildren final : public Children {
 public:
  // `input` may be empty: look at input_ended(), or go on with writing.
  using Program = std::function<void(SimStdio& its, Bytes input)>;
  // One for each start, so that a program has state of its own.
  using Maker = std::function<Program(const ChildOptions& options)>;

  explicit SimChildren(SimLoop& loop) : loop_(loop) {}

  // What lies at `path` from now on; an empty maker is a file that is not executable.
  void install(std::string path, Maker maker) { programs_[std::move(path)] = std::move(maker); }
  void remove(const std::string& path) { programs_.erase(path); }
  std::size_t running() const { return running_; }  // Started, and neither ended nor destroyed.
  void lack(std::string what) { missing_ = std::move(what); }  // Said by missing() from now on.

  Result<std::unique_ptr<Child>> start(const ChildOptions& options, ChildEvents events) override;
  std::string missing() const override { return missing_; }

 private:
  SimLoop& loop_;
  std::map<std::string, Maker> programs_;
  std::size_t running_ = 0;
  std::string missing_;
};

}  // namespace pinaflux
