#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::mock {

/// What a fault can hit.
enum class fault_operation : std::uint8_t {
  create_keys_and_certificate, create_certificate_from_csr, register_thing, connect, publish, any
};
enum class fault_kind : std::uint8_t {
  reject, delay, drop, duplicate, disconnect_before_reply, disconnect_after_reply, throttle
};
std::string_view name_of(fault_operation what) noexcept;  ///< "RegisterThing" ... "*"
std::string_view name_of(fault_kind what) noexcept;       ///< "disconnect_before_reply" ...

/// One order to misbehave (docs/mock.md).
struct fault {
  fault_operation operation = fault_operation::any;
  fault_kind kind = fault_kind::reject;
  int status_code = 0;             ///< 0: 500, or 429 for throttle
  std::string error_code;          ///< empty: InternalError, or TooManyRequests for throttle
  std::string error_message;
  std::uint32_t delay_ms = 500;
  double probability = 1.0;
  std::optional<std::uint64_t> count;  ///< how often it may still hit; empty: without end
  std::string client_id;               ///< glob; empty: everyone
};

/// A fault description that cannot be: says what is wrong and what would be right.
class fault_error : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// The body of `POST /_mock/faults`. Throws fault_error.
fault parse_fault_json(std::string_view text);
/// `operation=RegisterThing,fault=reject,status_code=429,count=1`. Throws fault_error.
fault parse_fault_option(std::string_view text);
/// Throws fault_error where the operation cannot have this fault, naming those it can.
void check_fault(const fault& wanted);

/// The faults that are set, with their hits. Thread-safe.
class fault_list {
 public:
  /// The new fault's id.
  std::string add(fault wanted);
  bool remove(std::string_view id);
  void clear();
  /// `{"faults":[{"id":"1","operation":...,"hits":0}]}`
  std::string to_json() const;

  /// The first fault that hits this operation of this client; counts the hit.
  std::optional<fault> strike(fault_operation what, std::string_view client_id);
  bool is_empty() const noexcept;

  /// Restores the list to what it holds now when `reset` is called.
  void remember();
  void reset();

 private:
  struct entry {
    std::string id;
    fault what;
    std::uint64_t hits = 0;
  };

  mutable std::mutex guard_;
  std::vector<entry> entries_;
  std::vector<entry> remembered_;
  std::uint64_t next_id_ = 1;
  std::minstd_rand dice_{20240229};
};

}  // namespace fleetprov::mock
