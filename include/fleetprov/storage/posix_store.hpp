#pragma once

#include <fleetprov/storage/credential_store.hpp>
#include <fleetprov/storage/detail/posix_files.hpp>
#include <fleetprov/storage/detail/record_text.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::storage {

/// Credentials in a folder, safe against a kill or power cut at any system call (docs/storage.md):
///
///     device.pem.crt  device.pem.key  device.json     the credentials in use
///     pending/pending.json                            which set is pending and how far it got
///     pending/<id>.pem.crt  .pem.key  .token          that set
///
/// `pending/pending.json` is the only switch: it is replaced by rename after everything it names is
/// synced. All files are 0600 from the first byte. One process at a time (`busy`).
/// Errors of all members: `storage` with errno in `offset`, and those named.
template <class Calls>
class basic_posix_store {
  using files = detail::files<Calls>;

 public:
  /// Opens `directory`, creating it (0700); finishes an interrupted promotion and removes leftovers.
  /// Errors: `busy` (another process has it open), `too_large` (device.json, which no one here wrote so).
  static result<basic_posix_store> open(std::string directory);

  /// Keeps a key that was made here before its signing request is sent. `save_pending` with an
  /// empty private key and key URI takes it.
  result<void> prepare_key(const secret& pem);

  /// Errors: `out_of_order` (a set whose RegisterThing was accepted is there: open again), `encoding`
  /// (the certificate id is no file name).
  result<void> save_pending(const pending_credentials& issued);

  /// The pending set, if there is one.
  std::optional<pending_record> pending() const {
    if (!pending_ || pending_->record.certificate_id.empty()) return std::nullopt;
    return pending_->record;
  }
  /// Errors: `not_found`.
  result<secret> pending_token() const {
    if (!pending()) return errc::not_found;
    return files::read(inner(pending_->record.certificate_id + ".token"));
  }

  /// Makes the pending set the credentials in use; what was in use goes to `superseded`, and so do
  /// `answer.superseded`. `present` says what becomes of a `device.pem.key` that is there: the set's own key
  /// takes its place; it is set aside (`set_aside_path`) where the set has none, where no record says that it was
  /// in use, or where the caller found that it was not; it stays where the caller found that it belongs to the
  /// new certificate. Errors: `not_found`.
  result<void> confirm(const registration& answer, present_key present = present_key::replace);

  /// Forgets the pending set; its certificate goes to `superseded`, since it may be ACTIVE.
  result<void> discard_pending();

  std::optional<device_record> device() const { return device_; }
  bool has_credentials() const { return files::exists(certificate_path()) && (files::exists(key_path()) || (device_ && !device_->key_uri.empty())); }
  /// Whether `pending/pending.json` could not be read and was set aside.
  bool found_unreadable_pending() const noexcept { return unreadable_; }
  /// Whether `open` put a set in place that an earlier process had confirmed and not finished.
  bool finished_earlier_set() const noexcept { return finished_earlier_; }
  /// Where a key went that was in `device.pem.key` and had to make room; empty if none had to.
  const std::string& set_aside_path() const noexcept { return set_aside_; }

  std::string certificate_path() const { return directory_ + "/device.pem.crt"; }
  std::string key_path() const { return directory_ + "/device.pem.key"; }
  std::string record_path() const { return directory_ + "/device.json"; }
  std::string pending_certificate_path() const { return pending() ? inner(pending_->record.certificate_id + ".pem.crt") : std::string(); }
  /// Empty where the key is not in the store.
  std::string pending_key_path() const { return pending() && !pending_->key_file.empty() ? inner(pending_->key_file) : std::string(); }

 private:
  basic_posix_store(std::string directory, detail::open_file<Calls> lock)
      : directory_(std::move(directory)), lock_(std::move(lock)) {}

  std::string folder() const { return directory_ + "/pending"; }
  std::string inner(const std::string& name) const { return folder() + "/" + name; }

  result<void> recover();
  result<void> promote();
  result<void> set_key_aside(const secret& unless);
  result<void> write_switch(detail::pending_file next);
  result<void> remove_pending_files();
  result<void> load_device();
  std::vector<std::string> known_superseded() const;

  static void add_once(std::vector<std::string>& list, const std::string& id, const std::string& except) {
    if (!id.empty() && id != except && std::find(list.begin(), list.end(), id) == list.end()) list.push_back(id);
  }

  std::string directory_;
  detail::open_file<Calls> lock_;
  std::optional<detail::pending_file> pending_;
  std::optional<device_record> device_;
  std::string prepared_key_;  // file name inside pending/
  std::string set_aside_;
  bool unreadable_ = false;
  bool finished_earlier_ = false;
};

using posix_store = basic_posix_store<posix_calls>;

template <class Calls>
result<basic_posix_store<Calls>> basic_posix_store<Calls>::open(std::string directory) {
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  if (directory.empty()) directory = ".";
  if (auto made = files::make_directories(directory); !made) return made.error();
  detail::open_file<Calls> lock(Calls::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (!lock.is_open()) return detail::os_failure();
  if (Calls::lock(lock.number()) != 0) return errno == EWOULDBLOCK ? failure{errc::busy} : detail::os_failure();
  basic_posix_store made(std::move(directory), std::move(lock));
  if (auto recovered = made.recover(); !recovered) return recovered.error();
  return result<basic_posix_store>(std::move(made));
}

template <class Calls>
result<void> basic_posix_store<Calls>::load_device() {
  const auto text = files::read(record_path());
  if (text) device_ = detail::read_device(std::string(text->reveal()));
  // A record that cannot be read now must not be replaced by one without its `superseded`.
  else if (text.error().code != errc::not_found) return text.error();
  return {};
}

template <class Calls>
result<void> basic_posix_store<Calls>::recover() {
  if (auto loaded = load_device(); !loaded) return loaded;
  for (const char* name : {"/.device.pem.crt.tmp", "/.device.pem.key.tmp", "/.device.json.tmp"})
    if (files::exists(directory_ + name))
      if (auto gone = files::remove(directory_ + name); !gone) return gone;
  const auto text = files::read(inner("pending.json"));
  if (!text && text.error().code == errc::storage) return text.error();
  if (text || text.error().code == errc::too_large) {
    if (text) pending_ = detail::read_pending(std::string(text->reveal()));
    if (!pending_) {
      // Nothing of ours writes such a file. Its keys are left alone, for a person to look at.
      unreadable_ = true;
      if (Calls::rename(inner("pending.json").c_str(), inner("pending.json.unreadable").c_str()) != 0) return detail::os_failure();
      return files::sync_directory(folder());
    }
  }
  if (files::exists(inner("pending.json.unreadable"))) return {};
  if (pending_ && pending_->registered) {
    finished_earlier_ = true;
    return promote();
  }
  return remove_pending_files();
}

/// Removes from pending/ what the switch does not name; the folder too, when nothing is left.
template <class Calls>
result<void> basic_posix_store<Calls>::remove_pending_files() {
  if (!files::is_directory(folder())) return {};
  const std::string id = pending_ ? pending_->record.certificate_id : std::string();
  bool keeps = pending_.has_value();
  for (const std::string& name : files::list(folder())) {
    const bool named = pending_ && (name == "pending.json" || (!id.empty() && (name == id + ".pem.crt" || name == id + ".token" || name == pending_->key_file)));
    if (named || (!prepared_key_.empty() && name == prepared_key_)) {
      keeps = true;
      continue;
    }
    if (auto gone = files::remove(inner(name)); !gone) return gone;
  }
  if (!keeps && Calls::rmdir(folder().c_str()) != 0 && errno != ENOENT) return detail::os_failure();
  return {};
}

template <class Calls>
result<void> basic_posix_store<Calls>::prepare_key(const secret& pem) {
  if (auto made = files::make_directories(folder()); !made) return made;
  // Two names in turn: the one that the pending set uses stays.
  const std::string name = pending_ && pending_->key_file == "own-a.pem.key" ? "own-b.pem.key" : "own-a.pem.key";
  if (auto written = files::replace(folder(), name, pem.reveal()); !written) return written;
  prepared_key_ = name;
  return files::sync_directory(folder());
}

template <class Calls>
std::vector<std::string> basic_posix_store<Calls>::known_superseded() const {
  return pending_ ? pending_->answer.superseded : std::vector<std::string>();
}

template <class Calls>
result<void> basic_posix_store<Calls>::write_switch(detail::pending_file next) {
  if (auto written = files::replace(folder(), "pending.json", detail::write_text(next)); !written) return written;
  if (auto synced = files::sync_directory(folder()); !synced) return synced;
  pending_ = std::move(next);
  return {};
}

template <class Calls>
result<void> basic_posix_store<Calls>::save_pending(const pending_credentials& issued) {
  if (pending_ && pending_->registered) return errc::out_of_order;
  if (!detail::is_plain_name(issued.certificate_id) || issued.certificate_id.size() > 128) return errc::encoding;
  if (auto made = files::make_directories(folder()); !made) return made;
  const std::string& id = issued.certificate_id;
  detail::pending_file next;
  next.record = {id, issued.endpoint, issued.key_uri, issued.issued_at, false};
  if (!issued.private_key.empty()) {
    next.key_file = id + ".pem.key";
    if (auto written = files::replace(folder(), next.key_file, issued.private_key.reveal()); !written) return written;
  } else if (issued.key_uri.empty()) {
    next.key_file = prepared_key_;
  }
  next.record.has_key = !next.key_file.empty();
  if (auto written = files::replace(folder(), id + ".pem.crt", issued.certificate_pem); !written) return written;
  if (auto written = files::replace(folder(), id + ".token", issued.certificate_ownership_token.reveal()); !written) return written;
  if (auto synced = files::sync_directory(folder()); !synced) return synced;
  next.answer.superseded = known_superseded();
  if (pending_) add_once(next.answer.superseded, pending_->record.certificate_id, id);
  if (auto written = write_switch(std::move(next)); !written) return written;
  return remove_pending_files();
}

template <class Calls>
result<void> basic_posix_store<Calls>::confirm(const registration& answer, present_key present) {
  if (!pending()) return errc::not_found;
  detail::pending_file next = *pending_;
  next.registered = true;
  next.present = present;
  std::vector<std::string> superseded;
  if (device_) {
    superseded = device_->superseded;
    add_once(superseded, device_->certificate_id, next.record.certificate_id);
  }
  for (const auto& id : pending_->answer.superseded) add_once(superseded, id, next.record.certificate_id);
  for (const auto& id : answer.superseded) add_once(superseded, id, next.record.certificate_id);
  next.answer = answer;
  next.answer.superseded = std::move(superseded);
  if (!answer.endpoint.empty()) next.record.endpoint = answer.endpoint;
  if (auto written = write_switch(std::move(next)); !written) return written;
  return promote();
}

/// No key is ever deleted that may be the only copy. `unless` is the set's own, which an interrupted promotion may
/// have put there already.
template <class Calls>
result<void> basic_posix_store<Calls>::set_key_aside(const secret& unless) {
  if (!files::exists(key_path())) return {};
  if (const auto there = files::read(key_path()); there && !unless.empty() && there->reveal() == unless.reveal()) return {};
  int number = 1;
  const auto path = [&] { return key_path() + ".old-" + std::to_string(number); };
  while (files::exists(path())) ++number;
  if (Calls::rename(key_path().c_str(), path().c_str()) != 0) return detail::os_failure();
  set_aside_ = path();
  return files::sync_directory(directory_);  // before another key takes the name
}

/// From the switch on, each step may be repeated: what is renamed into place comes from pending/,
/// which is emptied last.
template <class Calls>
result<void> basic_posix_store<Calls>::promote() {
  const pending_record record = pending_->record;
  const bool has_key = !pending_->key_file.empty();
  const auto key = has_key ? files::read(inner(pending_->key_file)) : result<secret>(secret());
  if (!key) return key.error();
  // Without a record the key is nobody's that this store knows.
  const bool is_foreign = pending_->present == present_key::set_aside || !has_key || !device_;
  if (is_foreign && pending_->present != present_key::keep)
    if (auto aside = set_key_aside(*key); !aside) return aside;
  if (has_key)
    if (auto written = files::replace(directory_, "device.pem.key", key->reveal()); !written) return written;
  const auto certificate = files::read(inner(record.certificate_id + ".pem.crt"));
  if (!certificate) return certificate.error();
  if (auto written = files::replace(directory_, "device.pem.crt", certificate->reveal()); !written) return written;
  device_record now{pending_->answer.thing_name,           record.certificate_id,      record.endpoint, record.key_uri,
                    pending_->answer.device_configuration, pending_->answer.superseded};
  if (auto written = files::replace(directory_, "device.json", detail::write_text(now)); !written) return written;
  if (auto synced = files::sync_directory(directory_); !synced) return synced;
  device_ = std::move(now);
  if (auto gone = files::remove(inner("pending.json")); !gone) return gone;
  if (auto synced = files::sync_directory(folder()); !synced) return synced;
  pending_.reset();
  prepared_key_.clear();
  return remove_pending_files();
}

template <class Calls>
result<void> basic_posix_store<Calls>::discard_pending() {
  if (!pending()) return {};
  if (pending_->registered) return errc::out_of_order;
  detail::pending_file next;
  next.answer.superseded = known_superseded();
  add_once(next.answer.superseded, pending_->record.certificate_id, "");
  if (!device_) {  // the list has no other place yet
    if (auto written = write_switch(std::move(next)); !written) return written;
    return remove_pending_files();
  }
  device_record now = *device_;
  for (const auto& id : next.answer.superseded) add_once(now.superseded, id, now.certificate_id);
  if (auto written = files::replace(directory_, "device.json", detail::write_text(now)); !written) return written;
  if (auto synced = files::sync_directory(directory_); !synced) return synced;
  device_ = std::move(now);
  if (auto gone = files::remove(inner("pending.json")); !gone) return gone;
  if (auto synced = files::sync_directory(folder()); !synced) return synced;
  pending_.reset();
  return remove_pending_files();
}

static_assert(is_credential_store_v<posix_store>);

}  // namespace fleetprov::storage
