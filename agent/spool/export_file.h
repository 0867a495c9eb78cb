// Export file: what waits in a spool, as a file for a USB stick: a printable line, the envelopes, a printable
// line. Archive: what a collector has landed in a day, as a file that grows: the same without the last line.
// Bytes: EXPORT.md.
//
// Promise    A copy of an export that was cut off or changed is recognised: the last line counts and hashes what is
//            before it. Of an archive, one that was cut off within an envelope.
// Limits     limits::kEnvelopeBytesMax an envelope; the reader holds one and a block of the file.
// Ownership  The reader owns its File.
// Threads    One owner.
// Tests      tests/agent/spool/export_test.cc (golden bytes)
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/crypto/crypto.h"
#include "platform/files.h"

namespace pinaflux {

// The first line.
struct ExportTitle {
  bool archive = false;      // Then it has nothing of what follows.
  std::string gateway;       // Of the spool. Each envelope names its own.
  std::string lane;          // Empty: all of them.
  std::string version;       // Of the program that wrote it.
  std::uint64_t made_s = 0;  // Unix seconds by that gateway's clock.
};

// The line without its newline, or anything that begins with it. Errors: corrupt (not an export), newer.
Result<ExportTitle> parse_title(std::string_view text);

// The first line of an archive of a day, with its newline.
std::string archive_title(const std::string& day);
// An envelope as both have it.
void append_entry(Bytes envelope, std::string& to);

// All three append to `to`.
class ExportWriter {
 public:
  void begin(const ExportTitle& title, Buffer& to);
  void add(Bytes envelope, Buffer& to);
  void end(Buffer& to);

 private:
  void put(Bytes bytes, Buffer& to);

  crypto::Sha256 sha_;
  std::uint64_t count_ = 0, bytes_ = 0;
};

class ExportReader {
 public:
  // Errors: those of the file, corrupt (not an export), newer.
  static Result<std::unique_ptr<ExportReader>> open(Files& files, const std::string& path);

  const ExportTitle& title() const { return title_; }
  // False: that was the last, and the file is whole (an archive: it may grow). Errors: corrupt (cut off, changed, or followed by
  // something else), io. What was given before an error is to be judged by its own hash.
  Result<bool> next(Buffer& envelope);
  std::uint64_t bytes_read() const { return offset_ - (pending_.size() - at_); }
  std::uint64_t bytes_total() const { return bytes_total_; }

 private:
  explicit ExportReader(std::unique_ptr<File> file) : file_(std::move(file)) {}
  Result<std::string_view> line();
  Result<Bytes> take(std::size_t count);
  Status fill();
  Status check_end(std::string_view line, std::uint64_t bytes_before);

  std::unique_ptr<File> file_;
  ExportTitle title_;
  std::uint64_t bytes_total_ = 0;
  std::uint64_t offset_ = 0;  // Of the file, behind pending_.
  Buffer pending_;
  std::size_t at_ = 0;  // In pending_.
  crypto::Sha256 sha_;
  std::uint64_t count_ = 0;
};

}  // namespace pinaflux
