// MemoryFiles: the few of Files that keys need, with modes, in memory.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "platform/files.h"

namespace pinaflux {

class MemoryFiles : public Files {
 public:
  void put(const std::string& path, std::string_view text, std::uint32_t mode) {
    files_[path] = {Buffer(text.begin(), text.end()), mode};
  }
  bool has(const std::string& path) const { return files_.contains(path); }
  Buffer& bytes(const std::string& path) { return files_.at(path).bytes; }

  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override {
    if (mode == Mode::create) files_.try_emplace(path, Stored{{}, 0600});
    const auto it = files_.find(path);
    if (it == files_.end()) return fail(Code::not_found, "no such file", 2);
    return std::make_unique<Open>(it->second);
  }
  Result<FileInfo> info(const std::string&) override { return fail(Code::unsupported, "info"); }
  Result<std::vector<std::string>> list(const std::string&) override {
    return fail(Code::unsupported, "list");
  }
  Status make_directory(const std::string&, std::uint32_t) override { return {}; }
  Status rename(const std::string& from, const std::string& to) override {
    files_[to] = files_.at(from);
    files_.erase(from);
    return {};
  }
  Status remove(const std::string& path) override {
    if (files_.erase(path) == 0) return fail(Code::not_found, "no such file", 2);
    return {};
  }
  Status sync_directory(const std::string&) override { return {}; }
  Result<std::unique_ptr<FileLock>> lock(const std::string&, long&) override {
    return fail(Code::unsupported, "lock");
  }
  const char* sqlite_vfs() const override { return nullptr; }
  Result<FileSystemInfo> file_system(const std::string&) override {
    return fail(Code::unsupported, "file_system");
  }

 private:
  struct Stored {
    Buffer bytes;
    std::uint32_t mode = 0;
  };
  class Open : public File {
   public:
    explicit Open(Stored& stored) : stored_(stored) {}
    Result<std::size_t> read_at(std::uint64_t offset, MutableBytes to) override {
      if (offset >= stored_.bytes.size()) return 0;
      const auto at = static_cast<std::size_t>(offset);
      const std::size_t n = std::min({to.size(), stored_.bytes.size() - at, std::size_t{7}});
      std::memcpy(to.data(), stored_.bytes.data() + at, n);
      return n;  // Short reads, as a file system may give.
    }
    Status write_at(std::uint64_t offset, Bytes from) override {
      const auto at = static_cast<std::size_t>(offset);
      stored_.bytes.resize(std::max(stored_.bytes.size(), at + from.size()));
      std::memcpy(stored_.bytes.data() + at, from.data(), from.size());
      return {};
    }
    Status truncate(std::uint64_t bytes) override {
      stored_.bytes.resize(static_cast<std::size_t>(bytes));
      return {};
    }
    Status reserve(std::uint64_t) override { return fail(Code::unsupported, "reserve"); }
    Status punch(std::uint64_t, std::uint64_t) override { return fail(Code::unsupported, "punch"); }
    Status sync() override { return {}; }
    Result<FileInfo> info() override {
      FileInfo info;
      info.bytes = stored_.bytes.size();
      info.mode = stored_.mode;
      return info;
    }

   private:
    Stored& stored_;
  };

  std::map<std::string, Stored> files_;
};

}  // namespace pinaflux
