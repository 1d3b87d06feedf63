#pragma once

#include <fleetprov/storage/credential_store.hpp>
#include <fleetprov/storage/detail/posix_files.hpp>
#include <fleetprov/storage/detail/record_text.hpp>
#include <fleetprov/topics/thing_name.hpp>

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
/// synced. All files are 0600 from the first byte. One process at a time (`busy`). In `pending/` only files
/// with names of these forms are removed. What cannot be read is renamed to `<name>.unreadable-<number>`.
/// Errors of all members: `storage` with errno in `offset`, and those named.
template <class Calls>
class basic_posix_store {
  using files = detail::files<Calls>;

 public:
  /// Opens `directory`, creating it (0700); finishes an interrupted promotion and removes leftovers. A confirmed set
  /// whose certificate or key is gone is set aside as one that cannot be read, its id goes to `superseded`, and what
  /// is in use stays. Errors: `busy` (another process has it open), `too_large` (device.json, which no one here wrote
  /// so), `unsupported` (`pending` is a symbolic link).
  static result<basic_posix_store> open(std::string directory);

  /// Keeps a key that was made here before its signing request is sent. `save_pending` with an
  /// empty private key and key URI takes it.
  result<void> prepare_key(const secret& pem);

  /// Errors: `out_of_order` (a set whose RegisterThing was accepted is there: open again), `encoding`
  /// (the certificate id is no file name, or `issued_at` is further from 1970 than the year 9999), `invalid_utf8`
  /// (a text of the record; nothing was written), `too_large` (more than would be read back).
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
  /// new certificate. Errors: `not_found` (there is no pending set, or its certificate or key is gone: as in `open`),
  /// `invalid_utf8` (a text of the record; nothing was written), `too_large` (more than would be read back).
  result<void> confirm(const registration& answer, present_key present = present_key::replace);

  /// Forgets the pending set; its certificate goes to `superseded`, since it may be ACTIVE. Errors: `out_of_order`
  /// (its RegisterThing was accepted: open again).
  result<void> discard_pending();

  std::optional<device_record> device() const { return device_; }
  bool has_credentials() const { return files::exists(certificate_path()) && (files::exists(key_path()) || (device_ && !device_->key_uri.empty())); }
  /// Whether `pending/` was set aside: its record could not be read, or its confirmed set had lost a file.
  bool found_unreadable_pending() const noexcept { return !unreadable_pending_.empty(); }
  /// The folder that it is now, with all that was in it; empty if none was set aside.
  const std::string& unreadable_pending_path() const noexcept { return unreadable_pending_; }
  /// Whether `device.json` could not be read and was set aside: `device` does not have its `superseded`.
  bool found_unreadable_record() const noexcept { return !unreadable_record_.empty(); }
  /// The file that it is now; empty if none was set aside.
  const std::string& unreadable_record_path() const noexcept { return unreadable_record_; }
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
  result<void> give_up_set();
  result<void> set_key_aside(const secret& unless);
  result<void> set_pending_aside();
  result<void> move_aside(const std::string& path, const char* suffix, std::string& moved_to);
  result<void> write_switch(detail::pending_file next);
  result<void> write_record(device_record next);
  bool is_own_file(const std::string& name) const;
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
  std::string set_aside_, unreadable_pending_, unreadable_record_;
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

/// Renames `path`, in `directory_`, to the first free `<path><suffix><number>`; no later name can be on disk without it.
template <class Calls>
result<void> basic_posix_store<Calls>::move_aside(const std::string& path, const char* suffix, std::string& moved_to) {
  int number = 1;
  const auto target = [&] { return path + suffix + std::to_string(number); };
  while (files::kind_of(target()) != 0) ++number;
  if (Calls::rename(path.c_str(), target().c_str()) != 0) return detail::os_failure();
  moved_to = target();
  return files::sync_directory(directory_);
}

template <class Calls>
result<void> basic_posix_store<Calls>::load_device() {
  const auto text = files::read(record_path());
  // A record that cannot be read now must not be replaced by one without its `superseded`.
  if (!text) return text.error().code == errc::not_found ? result<void>() : result<void>(text.error());
  device_ = detail::read_device(std::string(text->reveal()));
  if (device_) return {};
  return move_aside(record_path(), ".unreadable-", unreadable_record_);
}

/// Nothing in it is looked at again, for a person to do so: no key is ever deleted that may be the only copy.
template <class Calls>
result<void> basic_posix_store<Calls>::set_pending_aside() {
  if (auto moved = move_aside(folder(), ".unreadable-", unreadable_pending_); !moved) return moved;
  pending_.reset();
  prepared_key_.clear();
  return {};
}

template <class Calls>
result<void> basic_posix_store<Calls>::recover() {
  if (files::kind_of(folder()) == S_IFLNK) return errc::unsupported;  // what it leads to is not ours
  if (auto loaded = load_device(); !loaded) return loaded;
  for (const char* name : {"/.device.pem.crt.tmp", "/.device.pem.key.tmp", "/.device.json.tmp"})
    if (files::exists(directory_ + name))
      if (auto gone = files::remove(directory_ + name); !gone) return gone;
  const auto text = files::read(inner("pending.json"));
  if (!text && text.error().code == errc::storage) return text.error();
  if (text || text.error().code == errc::too_large) {
    if (text) pending_ = detail::read_pending(std::string(text->reveal()));
    if (!pending_) return set_pending_aside();  // nothing of ours writes such a file
  }
  if (pending_ && pending_->registered) {
    const auto placed = promote();
    finished_earlier_ = placed.has_value();
    if (!placed && placed.error().code != errc::not_found) return placed;
    return {};
  }
  return remove_pending_files();
}

/// Whether a store gives this name, in pending/, to the switch, to a prepared key or to a file of a set, or to what
/// becomes one of them; of sets those with ids as AWS's or that were heard of.
template <class Calls>
bool basic_posix_store<Calls>::is_own_file(const std::string& name) const {
  constexpr std::string_view ending = ".tmp";
  std::string_view of = name;
  if (of.size() > ending.size() && of.front() == '.' && of.substr(of.size() - ending.size()) == ending)
    of = of.substr(1, of.size() - 1 - ending.size());
  if (of == "pending.json" || of == "own-a.pem.key" || of == "own-b.pem.key") return true;
  const std::string_view id = detail::id_in(of);
  if (id.empty() || topics::validate_certificate_id(id)) return !id.empty();
  std::vector<std::string> known = known_superseded();
  if (pending_) known.push_back(pending_->record.certificate_id);
  if (device_) {
    known.insert(known.end(), device_->superseded.begin(), device_->superseded.end());
    known.push_back(device_->certificate_id);
  }
  return std::find(known.begin(), known.end(), id) != known.end();
}

/// Removes from pending/ what is the store's and the switch does not name; the folder too, when nothing is left.
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
    if (!is_own_file(name) || files::kind_of(inner(name)) != S_IFREG) continue;
    if (auto gone = files::remove(inner(name)); !gone) return gone;
  }
  if (keeps || Calls::rmdir(folder().c_str()) == 0) return {};
  if (errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST) return {};  // it holds what is not the store's
  return detail::os_failure();
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
result<void> basic_posix_store<Calls>::write_record(device_record next) {
  if (auto written = files::replace(directory_, "device.json", detail::write_text(next)); !written) return written;
  if (auto synced = files::sync_directory(directory_); !synced) return synced;
  device_ = std::move(next);
  return {};
}

template <class Calls>
result<void> basic_posix_store<Calls>::save_pending(const pending_credentials& issued) {
  if (pending_ && pending_->registered) return errc::out_of_order;
  if (!detail::is_plain_name(issued.certificate_id) || issued.certificate_id.size() > 128) return errc::encoding;
  if (!detail::is_time(issued.issued_at)) return errc::encoding;
  const std::string& id = issued.certificate_id;
  const bool brings_key = !issued.private_key.empty();
  detail::pending_file next;
  next.record = {id, issued.endpoint, issued.key_uri, issued.issued_at, false};
  if (brings_key) next.key_file = id + ".pem.key";
  else if (issued.key_uri.empty()) next.key_file = prepared_key_;
  next.record.has_key = !next.key_file.empty();
  next.answer.superseded = known_superseded();
  if (pending_) add_once(next.answer.superseded, pending_->record.certificate_id, id);
  if (!is_valid_utf8(detail::write_text(next))) return errc::invalid_utf8;
  if (auto made = files::make_directories(folder()); !made) return made;
  if (brings_key)
    if (auto written = files::replace(folder(), next.key_file, issued.private_key.reveal()); !written) return written;
  if (auto written = files::replace(folder(), id + ".pem.crt", issued.certificate_pem); !written) return written;
  if (auto written = files::replace(folder(), id + ".token", issued.certificate_ownership_token.reveal()); !written) return written;
  if (auto synced = files::sync_directory(folder()); !synced) return synced;
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
  if (!is_valid_utf8(detail::write_text(next))) return errc::invalid_utf8;
  if (auto written = write_switch(std::move(next)); !written) return written;
  return promote();
}

/// No key is ever deleted that may be the only copy. `unless` is the set's own, which an interrupted promotion may
/// have put there already.
template <class Calls>
result<void> basic_posix_store<Calls>::set_key_aside(const secret& unless) {
  if (files::kind_of(key_path()) == 0) return {};
  if (const auto there = files::read(key_path()); there && !unless.empty() && there->reveal() == unless.reveal()) return {};
  return move_aside(key_path(), ".old-", set_aside_);  // before another key takes the name
}

/// What is in use stays, since the confirmed set cannot take its place; its certificate may be ACTIVE.
template <class Calls>
result<void> basic_posix_store<Calls>::give_up_set() {
  device_record now = device_.value_or(device_record{});
  for (const auto& id : pending_->answer.superseded) add_once(now.superseded, id, now.certificate_id);
  add_once(now.superseded, pending_->record.certificate_id, now.certificate_id);
  if (auto written = write_record(std::move(now)); !written) return written;
  if (auto aside = set_pending_aside(); !aside) return aside;
  return errc::not_found;
}

/// From the switch on, each step may be repeated: what is renamed into place comes from pending/,
/// which is emptied last. Nothing is renamed before all of it was read.
template <class Calls>
result<void> basic_posix_store<Calls>::promote() {
  const pending_record record = pending_->record;
  const bool has_key = !pending_->key_file.empty();
  const auto key = has_key ? files::read(inner(pending_->key_file)) : result<secret>(secret());
  const auto certificate = files::read(inner(record.certificate_id + ".pem.crt"));
  for (const auto* part : {&key, &certificate})
    if (!*part) return part->error().code == errc::storage ? result<void>(part->error()) : give_up_set();
  // Without a record of a certificate whose key is a file, the key is nobody's that this store knows.
  const bool knows_key = device_ && !device_->certificate_id.empty() && device_->key_uri.empty();
  const bool is_foreign = pending_->present == present_key::set_aside || !has_key || !knows_key;
  if (is_foreign && pending_->present != present_key::keep)
    if (auto aside = set_key_aside(*key); !aside) return aside;
  if (has_key)
    if (auto written = files::replace(directory_, "device.pem.key", key->reveal()); !written) return written;
  if (auto written = files::replace(directory_, "device.pem.crt", certificate->reveal()); !written) return written;
  device_record now{pending_->answer.thing_name,           record.certificate_id,      record.endpoint, record.key_uri,
                    pending_->answer.device_configuration, pending_->answer.superseded};
  if (auto written = write_record(std::move(now)); !written) return written;
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
  if (auto written = write_record(std::move(now)); !written) return written;
  if (auto gone = files::remove(inner("pending.json")); !gone) return gone;
  if (auto synced = files::sync_directory(folder()); !synced) return synced;
  pending_.reset();
  return remove_pending_files();
}

static_assert(is_credential_store_v<posix_store>);

}  // namespace fleetprov::storage
