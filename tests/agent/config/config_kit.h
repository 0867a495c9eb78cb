// A machine of files in memory for configurations: texts with modes, one disk, one tmpfs below /run.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "platform/files.h"

namespace pinaflux {

class ConfigFiles : public Files {
 public:
  ConfigFiles() {
    put("/etc/secret", "hunter2\n");
    put("/etc/open", "hunter2\n", 0644);
    put("/etc/empty", "\n");
    put("/etc/home", "52.5163, 13.3777\n");
  }

  void put(const std::string& path, std::string text, std::uint32_t mode = 0600) {
    files_[path] = {std::move(text), mode};
  }

  Result<std::unique_ptr<File>> open(const std::string& path, Mode) override {
    const auto it = files_.find(path);
    if (it == files_.end()) return fail(Code::not_found, "no such file", 2);
    return std::make_unique<Open>(it->second);
  }
  Result<FileInfo> info(const std::string& path) override {
    for (const auto& [name, stored] : files_) {
      if (name == path) return stored.info();
      if (name.starts_with(path + "/")) return directory();
    }
    if (path == "/" || path == "/run" || path == "/var/lib") return directory();
    return fail(Code::not_found, "no such file", 2);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    std::vector<std::string> names;
    for (const auto& [name, stored] : files_) {
      if (!name.starts_with(path + "/")) continue;
      const std::string rest = name.substr(path.size() + 1);
      if (rest.find('/') == std::string::npos) names.push_back(rest);
    }
    if (names.empty()) return fail(Code::not_found, "no such directory", 2);
    return names;
  }
  Status make_directory(const std::string&, std::uint32_t) override { return {}; }
  Status rename(const std::string&, const std::string&) override { return {}; }
  Status remove(const std::string&) override { return {}; }
  Status sync_directory(const std::string&) override { return {}; }
  Result<std::unique_ptr<FileLock>> lock(const std::string&, long&) override {
    return fail(Code::unsupported, "lock");
  }
  const char* sqlite_vfs() const override { return nullptr; }
  Result<FileSystemInfo> file_system(const std::string& path) override {
    FileSystemInfo info;
    info.bytes_total = 32ull << 30;
    info.bytes_free = 10ull << 30;
    info.in_memory = path.starts_with("/run");
    return info;
  }

 private:
  static FileInfo directory() {
    FileInfo info;
    info.directory = true;
    return info;
  }
  struct Stored {
    std::string text;
    std::uint32_t mode = 0600;
    FileInfo info() const {
      FileInfo i;
      i.bytes = text.size();
      i.mode = mode;
      return i;
    }
  };
  class Open : public File {
   public:
    explicit Open(const Stored& stored) : stored_(stored) {}
    Result<std::size_t> read_at(std::uint64_t offset, MutableBytes to) override {
      if (offset >= stored_.text.size()) return 0;
      const auto at = static_cast<std::size_t>(offset);
      const std::size_t n = std::min(to.size(), stored_.text.size() - at);
      std::memcpy(to.data(), stored_.text.data() + at, n);
      return n;
    }
    Status write_at(std::uint64_t, Bytes) override { return fail(Code::read_only, "no"); }
    Status truncate(std::uint64_t) override { return fail(Code::read_only, "no"); }
    Status reserve(std::uint64_t) override { return fail(Code::unsupported, "reserve"); }
    Status punch(std::uint64_t, std::uint64_t) override { return fail(Code::unsupported, "punch"); }
    Status sync() override { return {}; }
    Result<FileInfo> info() override { return stored_.info(); }

   private:
    const Stored& stored_;
  };

  std::map<std::string, Stored> files_;
};

}  // namespace pinaflux
