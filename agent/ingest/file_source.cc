#include "agent/ingest/file_source.h"

// Every look lists the folder once and asks for each matching name which inode it names. An inode that is
// followed already goes on, whatever its name is now; a new one is opened. A file whose name means another
// inode now, or nothing, is detached: it is read to its end and then closed, before the files that came
// later, because files are polled in the order in which they were met.
//
// Rows: "file/<inode>" for each file, "begun" from the first start on: without it a file that appears
// before anything was read would count as old at the next start.

#include <algorithm>

namespace pinaflux {

namespace {
constexpr std::string_view kBegun = "begun";
}

bool matches_glob(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, after_star = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n]) && pattern[p] != '*') {
      ++p;
      ++n;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++after_star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

FileSource::FileSource(FileSourceOptions options, const SourceHost& host)
    : options_(std::move(options)),
      host_(host),
      decoder_(options_, host.install_key),
      timer_(host.loop.timer([this] {
        look();
        timer_->start(options_.every);
      })) {
  const std::size_t slash = options_.path.rfind('/');
  folder_ = slash == std::string::npos ? "." : slash == 0 ? "/" : options_.path.substr(0, slash);
  pattern_ = slash == std::string::npos ? options_.path : options_.path.substr(slash + 1);
}

void FileSource::restore(std::vector<Cursor> cursors) {
  for (const Cursor& cursor : cursors) {
    FilePosition position;
    if (cursor.key == kBegun) {
      begun_ = true;
    } else if (FilePosition::parse(cursor.value, position)) {
      restored_[position.inode] = position;
    }
  }
}

Status FileSource::start() {
  if (pattern_.empty()) return fail(Code::invalid, "the path names a folder: name a file in it");
  health_.state = SourceHealth::State::waiting;
  look();
  beginning_due_ = !begun_;
  begun_ = true;
  timer_->start(options_.every);
  return {};
}

std::vector<std::string> FileSource::matching(std::vector<std::string> names) const {
  std::erase_if(names, [this](const std::string& name) { return !matches_glob(pattern_, name); });
  return names;
}

void FileSource::look() {
  failed_ = false;
  follow_new_files();
  for (auto& file : files_) {
    if (auto status = file->look(); !status) {
      failed_ = true;
      error_ = status.error();
    }
  }
  retire();
}

void FileSource::follow_new_files() {
  const auto names = host_.files.list(folder_);
  if (!names) {
    failed_ = names.error().code != Code::not_found;
    error_ = names.error();
    return;
  }
  std::map<std::uint64_t, std::string> found;
  std::vector<std::pair<std::string, FileInfo>> fresh;
  // Rotated while the agent was down: the old file has a name that the pattern may not match.
  const bool all = !restored_.empty();
  for (const std::string& name : all ? *names : matching(*names)) {
    const std::string path = folder_ + "/" + name;
    const auto info = host_.files.info(path);
    if (!info || info->directory) continue;
    const bool matches = matches_glob(pattern_, name);
    const bool known = std::ranges::contains(files_, info->inode, &FollowedFile::inode);
    if (matches) found[info->inode] = path;
    if (!known && (matches || restored_.contains(info->inode))) fresh.emplace_back(path, *info);
  }
  for (auto& file : files_) {
    if (!found.contains(file->inode())) file->detach();
  }
  std::ranges::stable_sort(fresh, {},
                           [&](const auto& f) { return found.contains(f.second.inode); });
  for (const auto& [path, info] : fresh) follow(path, info);
  // An empty folder may be a medium that is not mounted yet: its positions are kept.
  if (files_.empty()) return;
  for (const auto& [inode, position] : restored_) rows_to_erase_.push_back(position.key());
  restored_.clear();
}

void FileSource::follow(const std::string& path, const FileInfo& info) {
  if (files_.size() >= kFilesMax) {
    failed_ = true;
    error_ = {Code::full, 0, "more files than are followed at a time: narrow the path"};
    return;
  }
  auto opened = host_.files.open(path, Files::Mode::read);
  if (!opened) {
    failed_ = true;
    error_ = opened.error();
    return;
  }
  const auto before = restored_.find(info.inode);
  const bool matches = matches_glob(pattern_, path.substr(folder_.size() + 1));
  auto file = std::make_unique<FollowedFile>(path, std::move(*opened), info, host_.install_key,
                                             options_.record_bytes_max);
  const bool resumed = before != restored_.end() && file->resume(before->second);
  if (before != restored_.end() && resumed) restored_.erase(before);
  if (!resumed && !matches) return;  // The inode was used again by a file that is none of ours.
  if (!matches) file->detach();
  if (!resumed && !begun_ && options_.from == FileSourceOptions::From::end) file->start_at_end();
  files_.push_back(std::move(file));
}

void FileSource::retire() {
  std::erase_if(files_, [this](const auto& file) {
    if (!file->used_up()) return false;
    rows_to_erase_.push_back(file->position().key());
    return true;
  });
}

bool FileSource::ready() const {
  if (held_) return false;
  return beginning_due_ || std::ranges::any_of(files_, [](const auto& f) { return f->ready(); });
}

void FileSource::poll(Intake& intake) {
  if (beginning_due_) take_beginning(intake);
  if (files_.empty()) return;
  std::size_t taken = 0;
  const std::size_t first = next_ % files_.size();
  for (std::size_t i = 0; i < files_.size() && taken < limits::kPollBytesMax; ++i) {
    FollowedFile& file = *files_[(first + i) % files_.size()];
    // An older file of the same name comes first, to its end.
    const auto older = std::ranges::find_if(
        files_, [&](const auto& f) { return f.get() == &file || (f->detached() && f->ready()); });
    if (!file.ready() || older->get() != &file) continue;
    next_ = first + i + 1;
    if (!take(file, intake)) {
      next_ = first + i;
      return;
    }
    taken += limits::kPollBytesMax / 4;
  }
}

void FileSource::take_beginning(Intake& intake) {
  intake.begin(options_.index);
  const std::uint8_t yes[] = {1};
  intake.cursor(kBegun, yes);
  for (auto& file : files_) intake.cursor(file->position().key(), file->position().row());
  intake.end(++ticket_);
  beginning_due_ = false;
}

// One parcel of the file's lines, with the position after them; false: the intake is full.
bool FileSource::take(FollowedFile& file, Intake& intake) {
  const std::string_view stream = options_.stream.empty() ? options_.name : options_.stream;
  const Format format = options_.format == Format::json ? Format::ndjson : options_.format;
  const Stamp arrival = host_.stamp();
  const std::uint64_t before = file.position().offset;
  LineBuffer::Line line;
  Tally tally;
  bool room = true;
  decoder_.begin(intake);
  while (file.position().offset - before < limits::kPollBytesMax / 4 && file.front(line)) {
    if (line.too_long) {
      decoder_.refuse_bytes(Reason::too_large, line.text, line.size, tally);
    } else if (!(room = decoder_.decode(format, {line.text, stream, arrival}, tally))) {
      break;
    }
    file.pop();
  }
  (void)file.front(line);  // So that ready() is true only for what is there.
  const FilePosition after = file.position();
  if (after.offset == before) {
    decoder_.abandon();
    return room;
  }
  for (const std::string& key : std::exchange(rows_to_erase_, {})) intake.erase_cursor(key);
  intake.cursor(after.key(), after.row());
  decoder_.end(++ticket_);
  ++health_.parcels;
  health_.records += tally.records;
  health_.refused += tally.refused;
  return room;
}

SourceHealth FileSource::health() const {
  SourceHealth health = health_;
  if (failed_) {
    health.state = SourceHealth::State::failed;
    health.text = options_.path + ": " + error_.what;
  } else if (files_.empty()) {
    health.state = SourceHealth::State::waiting;
    health.text = "waiting for " + options_.path + " to appear";
  } else {
    health.state = SourceHealth::State::working;
  }
  return health;
}

}  // namespace pinaflux
