#pragma once
// What `fleetprov provision` says while it runs and at its end.

#include <cli/provision.hpp>

#include <fleetprov/adapters/link.hpp>
#include <fleetprov/provisioning/session.hpp>
#include <fleetprov/storage/posix_store.hpp>

#include <string>
#include <vector>

namespace fleetprov::cli {

inline constexpr const char* storage_help = "look at the folder of --out and the space on its disk";

/// Says each step as it happens, and remembers what an explanation of a failure needs.
class narrator {
 public:
  explicit narrator(const adapters::link_options& link) : link_(link) {}

  void on_action(const provisioning::session_action& next);
  void on_event(const adapters::link_event& event, provisioning::state before);
  bool stop() const { return untrusted_ || not_tried_; }  // trying again cannot help

  const std::string& last_words() const noexcept { return words_; }
  bool unreachable() const noexcept { return last_ == adapters::link_event::kind::unreachable; }
  bool put_off() const noexcept { return put_off_; }
  /// Whether the last connection ended with anything that could be an answer.
  bool turned_away() const noexcept {
    return last_ == adapters::link_event::kind::refused || last_ == adapters::link_event::kind::hung_up;
  }
  bool untrusted() const noexcept { return untrusted_; }
  bool not_tried() const noexcept { return not_tried_; }
  const std::vector<std::string>& filters() const noexcept { return filters_; }
  const std::string& topic() const noexcept { return topic_; }

 private:
  void note(provisioning::state during, const std::string& what);

  adapters::link_options link_;
  std::vector<std::string> filters_;
  std::string topic_, words_;
  adapters::link_event::kind last_ = adapters::link_event::kind::connected;
  bool untrusted_ = false, not_tried_ = false, put_off_ = false;
};

/// Why a session gave up and what to look at.
explanation explain(const provisioning::gave_up& why, const narrator& seen, const prepared& what,
                    const provisioning::session& session);

/// The JSON object of a failure, on standard output; nothing for another format.
void print_failure(const explanation& why, const provision_options& options);
/// The same, and its words on standard error.
void report_failure(const explanation& why, const provision_options& options);

struct success {
  bool provisioned;
  const char* headline;
};
inline constexpr success provisioned_now{true, "provisioned"};
inline constexpr success nothing_to_do{false, "nothing to do: the credentials connect"};
inline constexpr success nothing_to_try{
    false, "nothing to do: the certificate is that of the signing request; it was not tried without its key"};

/// Prints what the folder now holds, and answers the exit code.
int succeed(const storage::posix_store& store, const provision_options& options, const success& what);

}  // namespace fleetprov::cli
