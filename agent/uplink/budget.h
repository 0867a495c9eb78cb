// Budget: how much of its data plan the link has used, and who may use what is left.
//
// Promise    No lane goes beyond what a day or a month allows it, nor the link with what is not data beside it. Use is
//            granted in pieces, and a grant is on disk before it is used: a crash forgets none of it; what of its
//            grant was not used counts as used.
// Shares     What a lane's share still guarantees it in the period that is left, no other lane takes.
// Periods    Days and months of UTC, as a trusted clock has them. Until it is trusted, what it last was goes on, and
//            times of day are not judged.
// Units      Bytes as in traffic.h; minutes of the day.
// Threads    Loop.
// Tests      tests/agent/uplink/budget_test.cc
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/base/time.h"

namespace pinaflux {

struct BudgetLimits {
  // `to` may be before `from`: over midnight.
  struct Times {
    int from = 0, to = 0;
  };
  std::uint64_t second = 0, day = 0, month = 0;  // Bytes; 0: no limit.
  std::vector<Times> times;                      // Empty: always.
  // Of the link only: the metered ones, "wwan0" or "ppp*". Over others nothing is counted or bounded. Empty: all.
  std::vector<std::string> interfaces;

  bool any() const { return second > 0 || day > 0 || month > 0 || !times.empty(); }
};

class Budget {
 public:
  struct Lane {
    std::string name;    // Lanes of one name share an account.
    unsigned share = 0;  // Percent of the link's day and month that are kept for it.
    BudgetLimits limits = {};
  };
  enum class Closed : std::uint8_t { no, times, day, month };

  // Of a day or a month, and of what the others' shares leave of it: the largest envelope, and what is not data.
  static constexpr std::uint64_t kLimitMin = 256 * 1024;

  Budget(const BudgetLimits& link, int month_begins, const std::vector<Lane>& lanes);

  bool bounded() const { return bounded_; }
  // Packets leave by this interface from now on; empty: it is not known, and counts as metered.
  void leaves_by(std::string_view interface);
  bool counts() const { return bounded_ && metered_; }
  // Begins the periods that have begun, and lets a second's allowance grow.
  void look(WallTime wall, Instant now, bool trusted);

  // Whether the link may be up: there is a rest of the day and the month, beyond what saying goodbye takes.
  Closed closed() const;
  // Whether lane `index` may send so many bytes now. What waits for a grant only makes save_due().
  bool allows(std::size_t index, std::uint64_t bytes);
  bool open(std::size_t index) const;  // At all.
  // What keeps lane `index` from sending so many, other than the second's rate.
  Closed closed_to(std::size_t index, std::uint64_t bytes) const;
  void spend(std::size_t index, std::uint64_t bytes);
  void spend(std::uint64_t bytes);  // What is no lane's.

  std::uint64_t used_today() const { return link().used[kDay]; }
  std::uint64_t used_this_month() const { return link().used[kMonth]; }

  // A text; grants begin when saved() says that it is on disk.
  bool save_due() const;
  Buffer save();
  void saved();
  void restore(Bytes text);

 private:
  enum Period : std::size_t { kDay, kMonth, kPeriods };
  struct Account {
    std::string name;  // Empty: the link's.
    unsigned share = 0;
    BudgetLimits limits;
    std::array<std::uint64_t, kPeriods> used{}, granted{}, asked{};
    double allowance = 0.0;  // Of a second; below 0: a large packet is still being paid.

    std::uint64_t limit(Period period) const { return period == kDay ? limits.day : limits.month; }
  };

  Account& link() { return accounts_.front(); }
  const Account& link() const { return accounts_.front(); }
  bool timely(const Account& account) const;
  // Of the link's, kept for lanes other than `account`.
  std::uint64_t kept_for_others(const Account& account, Period period) const;
  bool fits(const Account& account, std::uint64_t bytes, Period period) const;
  // What `account` is granted pieces of; 0: its use is not kept.
  std::uint64_t bound(const Account& account, Period period) const;
  bool granted(const Account& account, std::uint64_t bytes) const;
  void begin(Period period, std::int64_t number);
  std::uint64_t grant(const Account& account, Period period) const;

  int month_begins_;
  bool bounded_ = false, trusted_ = false, metered_ = true;
  std::vector<Account> accounts_;     // The link's, then one of each name.
  std::vector<std::size_t> of_lane_;  // By lane, into accounts_.
  std::array<std::int64_t, kPeriods> number_{},
      asked_{};  // Days since 1970, months since year 0; 0: not known.
  std::array<double, kPeriods> left_{1.0, 1.0};  // Of the period: 1 at its begin, 0 at its end.
  int minute_ = 0;
  Instant filled_{};
  std::uint64_t wanted_ = 0;  // That a grant was missing for.
  bool asking_ = false;
};

}  // namespace pinaflux
