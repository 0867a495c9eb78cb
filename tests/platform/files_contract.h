// What every Files keeps to. `directory` is empty and writable.
#pragma once

#include <string>

#include <doctest/doctest.h>

#include "platform/files.h"

namespace pinaflux {

inline Code code_of(const auto& result) {
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().what != nullptr);
  return result.error().code;
}

inline void files_contract(Files& files, const std::string& directory) {
  const std::string path = directory + "/a";

  SUBCASE("what was written is read, wherever it lies") {
    auto file = files.open(path, Files::Mode::create);
    REQUIRE(file.has_value());
    CHECK((*file)->write_at(3, as_bytes("def")).has_value());
    CHECK((*file)->write_at(0, as_bytes("abc")).has_value());
    CHECK((*file)->sync().has_value());

    std::uint8_t block[10];
    CHECK((*file)->read_at(0, block) == 6u);
    CHECK(as_text(Bytes(block).first(6)) == "abcdef");
    CHECK((*file)->read_at(4, block) == 2u);
    CHECK((*file)->read_at(6, block) == 0u);
    CHECK((*file)->read_at(100, block) == 0u);
    CHECK((*file)->info()->bytes == 6);
    CHECK((*file)->truncate(2).has_value());
    CHECK(files.read_text(path, 10) == "ab");
  }
  SUBCASE("a sync that has begun changes nothing, wherever it is") {
    auto file = files.open(path, Files::Mode::create);
    REQUIRE(file.has_value());
    REQUIRE((*file)->write_at(0, as_bytes("abc")).has_value());
    (*file)->begin_sync(0, 3);
    (*file)->begin_sync(1'000'000, 1'000'000);
    CHECK((*file)->sync().has_value());
    CHECK(files.read_text(path, 10) == "abc");
  }
  SUBCASE("creating keeps what is there") {
    REQUIRE(files.replace(path, "old").has_value());
    REQUIRE(files.open(path, Files::Mode::create).has_value());
    CHECK(files.read_text(path, 10) == "old");
  }
  SUBCASE("what does not exist is not found") {
    CHECK(code_of(files.open(path, Files::Mode::read)) == Code::not_found);
    CHECK(code_of(files.open(path, Files::Mode::write)) == Code::not_found);
    CHECK(code_of(files.info(path)) == Code::not_found);
    CHECK(code_of(files.remove(path)) == Code::not_found);
    CHECK(code_of(files.list(path)) == Code::not_found);
    CHECK(code_of(files.rename(path, path + "b")) == Code::not_found);
    CHECK(code_of(files.file_system(path)) == Code::not_found);
  }
  SUBCASE("replace() gives the whole new content and leaves nothing beside it") {
    REQUIRE(files.replace(path, "one").has_value());
    REQUIRE(files.replace(path, "two two").has_value());
    CHECK(files.read_text(path, 100) == "two two");
    CHECK(files.list(directory) == std::vector<std::string>{"a"});
  }
  SUBCASE("a file larger than allowed is not read") {
    REQUIRE(files.replace(path, std::string(100, 'x')).has_value());
    CHECK(code_of(files.read_text(path, 99)) == Code::full);
    CHECK(files.read_text(path, 100)->size() == 100);
  }
  SUBCASE("directories are made with their parents, and listed in order") {
    CHECK(files.make_directory(directory + "/x/y/z", 0700).has_value());
    CHECK(files.make_directory(directory + "/x/y/z", 0700).has_value());
    REQUIRE(files.replace(directory + "/x/b", "").has_value());
    REQUIRE(files.replace(directory + "/x/a", "").has_value());
    CHECK(files.list(directory + "/x") == std::vector<std::string>{"a", "b", "y"});
    CHECK(files.info(directory + "/x")->directory);
    CHECK_FALSE(files.info(directory + "/x/a")->directory);
    CHECK(files.sync_directory(directory + "/x").has_value());
    CHECK(code_of(files.make_directory(directory + "/x/a", 0700)) == Code::invalid);
    CHECK_FALSE(files.remove(directory + "/x").has_value());
  }
  SUBCASE("a file keeps its identity when it is renamed, and its successor has another") {
    REQUIRE(files.replace(path, "1").has_value());
    const auto before = files.info(path);
    auto held = files.open(path, Files::Mode::read);
    REQUIRE(files.rename(path, path + ".1").has_value());
    REQUIRE(files.replace(path, "22").has_value());
    CHECK(files.info(path + ".1")->inode == before->inode);
    CHECK(files.info(path)->inode != before->inode);
    CHECK((*held)->info()->inode == before->inode);
    CHECK((*held)->info()->bytes == 1);
  }
  SUBCASE("a directory is not a file") {
    auto opened = files.open(directory, Files::Mode::read);
    std::uint8_t block[1];
    if (opened) CHECK(code_of((*opened)->read_at(0, block)) == Code::invalid);
    CHECK(code_of(files.open(directory, Files::Mode::create)) == Code::invalid);
  }
  SUBCASE("space can be reserved and given back, and what was written stays") {
    auto file = files.open(path, Files::Mode::create);
    REQUIRE(file.has_value());
    REQUIRE((*file)->write_at(0, as_bytes(std::string(8192, 'x'))).has_value());
    const Status reserved = (*file)->reserve(1 << 20);
    if (!reserved && reserved.error().code == Code::unsupported) return;
    REQUIRE(reserved.has_value());
    CHECK((*file)->info()->bytes == 1 << 20);
    CHECK((*file)->info()->bytes_on_disk >= 1 << 20);
    CHECK((*file)->reserve(4096).has_value());
    CHECK((*file)->info()->bytes == 1 << 20);

    REQUIRE((*file)->punch(4096, (1 << 20) - 4096).has_value());

    CHECK((*file)->info()->bytes == 1 << 20);
    CHECK((*file)->info()->bytes_on_disk < 1 << 16);
    std::uint8_t block[2] = {1, 1};
    CHECK((*file)->read_at(4095, block) == 2u);
    CHECK(block[0] == 'x');
    CHECK(block[1] == 0);
  }
  SUBCASE("a lock has one owner, whose process it names, until it dies") {
    long holder = -1;
    auto lock = files.lock(path, holder);
    REQUIRE(lock.has_value());
    CHECK(holder == 0);
    CHECK(code_of(files.lock(path, holder)) == Code::busy);
    CHECK(std::to_string(holder) + "\n" == files.read_text(path, 100));
    lock->reset();
    CHECK(files.lock(path, holder).has_value());
    CHECK(code_of(files.lock(directory + "/none/a", holder)) == Code::not_found);
  }
  SUBCASE("a file system says how large it is") {
    const auto info = files.file_system(directory);
    REQUIRE(info.has_value());
    CHECK(info->bytes_total > 0);
    CHECK(info->bytes_free <= info->bytes_total);
    CHECK_FALSE(info->read_only);
  }
}

}  // namespace pinaflux
