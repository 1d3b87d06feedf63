#pragma once

#include <chrono>
#include <ratio>

namespace fleetprov {

/// `span` after `now`, both on one clock, or that clock's end where it would lie beyond: a span of `max()` is without limit.
/// Spans are not negative and of no finer unit than the clock's.
template <class Rep, class Period, class SpanRep, class SpanPeriod>
constexpr std::chrono::duration<Rep, Period> after(std::chrono::duration<Rep, Period> now,
                                                   std::chrono::duration<SpanRep, SpanPeriod> span) noexcept {
  static_assert(std::ratio_greater_equal<SpanPeriod, Period>::value, "the span is of a finer unit than the clock");
  using point = std::chrono::duration<Rep, Period>;
  using length = std::chrono::duration<SpanRep, SpanPeriod>;
  const point room = now.count() > 0 ? (point::max)() - now : (point::max)();
  if (span >= std::chrono::duration_cast<length>(room)) return (point::max)();
  return now + std::chrono::duration_cast<point>(span);
}
template <class Clock, class Duration, class SpanRep, class SpanPeriod>
constexpr std::chrono::time_point<Clock, Duration> after(std::chrono::time_point<Clock, Duration> now,
                                                         std::chrono::duration<SpanRep, SpanPeriod> span) noexcept {
  return std::chrono::time_point<Clock, Duration>(after(now.time_since_epoch(), span));
}

}  // namespace fleetprov
