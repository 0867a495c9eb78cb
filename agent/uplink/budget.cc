// One account for the link and one for each lane, by example of a link with 1 MiB a day and an alarm lane with a share of
// 20 %, at noon:
//
//   limit    1,048,576                     used 700,000, granted 716,000: the rest of the grant needs no commit
//   alarms   20 % = 209,715 a day          half of the day is left: 104,857 are kept for them
//   normal   1,048,576 - 104,857 - kLast   is where it stops; alarms may go on to 1,048,576 - kLast
//
// kLast is for what is not data. When that is nearly used, too, the link goes down until the next day.

#include "agent/uplink/budget.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "platform/base/assert.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::uint64_t kLast = 32 * 1024;
constexpr std::uint64_t kGoodbye = 16 * 1024;  // A connection with TLS, and what is said then.
constexpr std::uint64_t kSlack = 4 * 1024;     // Between two commits, beside data.
constexpr std::uint64_t kPieces = 64;          // A limit is granted in so many, or more.
constexpr double kLookMax = 5.0;  // Seconds between two looks whose rate is all made up for.
constexpr std::int64_t kDayNs = Duration::days(1).ns;

struct Month {
  std::int64_t number = 0;
  double left = 1.0;
};

// Of the month that began last on day `begins`, at most 28.
Month month_of(WallTime wall, int begins) {
  using namespace std::chrono;
  const sys_days today{days{wall.ns / kDayNs}};
  const year_month_day shifted{today - days{begins - 1}};
  const year_month month{shifted.year(), shifted.month()};
  const auto begin_of = [&](year_month m) {
    return (sys_days{m / 1} + days{begins - 1}).time_since_epoch().count() * kDayNs;
  };
  const auto begin = begin_of(month), end = begin_of(month + months{1});
  return {static_cast<int>(month.year()) * 12 + static_cast<unsigned>(month.month()),
          static_cast<double>(end - wall.ns) / static_cast<double>(end - begin)};
}

}  // namespace

Budget::Budget(const BudgetLimits& link, int month_begins, const std::vector<Lane>& lanes)
    : month_begins_(month_begins) {
  accounts_.push_back({.limits = link});
  bounded_ = link.any();
  for (const Lane& lane : lanes) {
    auto at = std::ranges::find(accounts_.begin() + 1, accounts_.end(), lane.name, &Account::name);
    if (at == accounts_.end()) {
      at = accounts_.insert(at, {.name = lane.name, .share = lane.share, .limits = lane.limits});
      bounded_ = bounded_ || lane.limits.any();
    }
    of_lane_.push_back(static_cast<std::size_t>(at - accounts_.begin()));
  }
}

void Budget::leaves_by(std::string_view interface) {
  const auto names = [&](std::string_view pattern) {
    if (!pattern.ends_with('*')) return interface == pattern;
    pattern.remove_suffix(1);
    return interface.starts_with(pattern);
  };
  const auto& metered = link().limits.interfaces;
  metered_ = metered.empty() || interface.empty() || std::ranges::any_of(metered, names);
}

void Budget::look(WallTime wall, Instant now, bool trusted) {
  if (!bounded_) return;
  trusted_ = trusted;
  const double seconds = filled_ == Instant{} ? 1.0 : (now - filled_).seconds();
  filled_ = now;
  for (Account& account : accounts_) {
    const auto rate = static_cast<double>(account.limits.second);
    account.allowance =
        std::min(account.allowance + rate * seconds, rate * std::clamp(seconds, 1.0, kLookMax));
  }
  if (!trusted) return;
  const Month month = month_of(wall, month_begins_);
  begin(kDay, wall.ns / kDayNs);
  begin(kMonth, month.number);
  minute_ = static_cast<int>(wall.ns % kDayNs / Duration::minutes(1).ns);
  left_ = {1.0 - static_cast<double>(wall.ns % kDayNs) / static_cast<double>(kDayNs), month.left};
}

// A clock that was ahead begins no period again.
void Budget::begin(Period period, std::int64_t number) {
  const std::int64_t before = std::exchange(number_[period], number);
  if (before == 0 || number <= before) return;
  for (Account& account : accounts_) {
    account.used[period] = account.granted[period] = 0;
  }
}

bool Budget::timely(const Account& account) const {
  const auto& times = account.limits.times;
  const auto within = [this](const BudgetLimits::Times& t) {
    return t.from <= t.to ? minute_ >= t.from && minute_ < t.to
                          : minute_ >= t.from || minute_ < t.to;
  };
  return times.empty() || !trusted_ || std::ranges::any_of(times, within);
}

Budget::Closed Budget::closed() const {
  if (!counts()) return Closed::no;
  if (!timely(link())) return Closed::times;
  const auto spent = [this](Period p) {
    return link().limit(p) > 0 && link().used[p] + kGoodbye > link().limit(p);
  };
  if (spent(kMonth)) return Closed::month;
  return spent(kDay) ? Closed::day : Closed::no;
}

std::uint64_t Budget::kept_for_others(const Account& account, Period period) const {
  double kept = 0;
  for (const Account& other : accounts_) {
    if (&other == &account || other.share == 0) continue;
    const double share = static_cast<double>(link().limit(period)) * other.share / 100;
    const double unused = std::max(0.0, share - static_cast<double>(other.used[period]));
    kept += std::min(unused, share * left_[period]);
  }
  return static_cast<std::uint64_t>(kept);
}

bool Budget::fits(const Account& account, std::uint64_t bytes, Period p) const {
  if (account.limit(p) > 0 && account.used[p] + bytes > account.limit(p)) return false;
  const std::uint64_t beside = kLast + kept_for_others(account, p);
  return link().limit(p) == 0 || link().used[p] + bytes + beside <= link().limit(p);
}

Budget::Closed Budget::closed_to(std::size_t index, std::uint64_t bytes) const {
  if (!counts()) return Closed::no;
  const Account& account = accounts_[of_lane_[index]];
  if (!timely(link()) || !timely(account)) return Closed::times;
  if (!fits(account, bytes, kMonth)) return Closed::month;
  return fits(account, bytes, kDay) ? Closed::no : Closed::day;
}

std::uint64_t Budget::bound(const Account& account, Period p) const {
  return account.limit(p) > 0 ? account.limit(p) : link().limit(p) * account.share / 100;
}

bool Budget::granted(const Account& account, std::uint64_t bytes) const {
  const auto covers = [&](const Account& a, Period p) {
    return bound(a, p) == 0 || a.used[p] + bytes <= a.granted[p];
  };
  return covers(account, kDay) && covers(account, kMonth) && covers(link(), kDay) &&
         covers(link(), kMonth);
}

bool Budget::open(std::size_t index) const {
  if (!counts()) return true;
  const auto pays = [](const Account& a) { return a.limits.second == 0 || a.allowance > 0; };
  return pays(link()) && pays(accounts_[of_lane_[index]]) && closed_to(index, 1) == Closed::no;
}

bool Budget::allows(std::size_t index, std::uint64_t bytes) {
  if (!counts()) return true;
  const Account& account = accounts_[of_lane_[index]];
  if (!open(index) || closed_to(index, bytes) != Closed::no) return false;
  if (granted(account, bytes)) return true;
  wanted_ = std::max(wanted_, bytes);
  return false;
}

void Budget::spend(std::size_t index, std::uint64_t bytes) {
  if (!counts()) return;
  Account& account = accounts_[of_lane_[index]];
  for (const Period p : {kDay, kMonth}) account.used[p] += bytes;
  account.allowance -= static_cast<double>(bytes);
  spend(bytes);
}

void Budget::spend(std::uint64_t bytes) {
  if (!counts()) return;
  for (const Period p : {kDay, kMonth}) link().used[p] += bytes;
  link().allowance -= static_cast<double>(bytes);
}

bool Budget::save_due() const {
  if (!bounded_ || asking_) return false;
  const auto short_of = [this](const Account& a) {
    const auto over = [&](Period p) { return bound(a, p) > 0 && a.used[p] > a.granted[p]; };
    return over(kDay) || over(kMonth);
  };
  return wanted_ > 0 || std::ranges::any_of(accounts_, short_of);
}

std::uint64_t Budget::grant(const Account& account, Period period) const {
  return account.used[period] + kSlack + std::max(wanted_, bound(account, period) / kPieces);
}

Buffer Budget::save() {
  ASSERT(save_due());
  asking_ = true;
  asked_ = number_;
  std::string text = std::to_string(number_[kDay]) + " " + std::to_string(number_[kMonth]);
  for (Account& account : accounts_) {
    if (bound(account, kDay) == 0 && bound(account, kMonth) == 0) continue;
    for (const Period p : {kDay, kMonth}) account.asked[p] = grant(account, p);
    text += "\n" + std::to_string(account.asked[kDay]) + " " +
            std::to_string(account.asked[kMonth]) + " " + account.name;
  }
  wanted_ = 0;
  Buffer buffer;
  append(buffer, text);
  return buffer;
}

void Budget::saved() {
  if (!std::exchange(asking_, false) || asked_ != number_) return;
  for (Account& account : accounts_) account.granted = account.asked;
}

void Budget::restore(Bytes text) {
  if (!bounded_) return;
  Split lines(as_text(text), '\n');
  std::string_view line, piece;
  const auto number = [&](Split& pieces) {
    return pieces.next(piece) ? parse_integer<std::int64_t>(piece) : std::nullopt;
  };
  if (!lines.next(line)) return;
  Split head(line, ' ');
  const auto day = number(head), month = number(head);
  if (!day || !month) return;
  number_ = {*day, *month};
  while (lines.next(line)) {
    Split pieces(line, ' ');
    const auto of_day = number(pieces), of_month = number(pieces);
    const auto at =
        pieces.next(piece) ? std::ranges::find(accounts_, piece, &Account::name) : accounts_.end();
    if (!of_day || !of_month || *of_day < 0 || *of_month < 0 || at == accounts_.end()) continue;
    at->used =
        at->granted = {static_cast<std::uint64_t>(*of_day), static_cast<std::uint64_t>(*of_month)};
  }
}

}  // namespace pinaflux
