#pragma once
// The account in memory: tables of shared records, pairs between names, and a draft laid over both.

#include <mock_broker/database.hpp>
#include <mock_broker/world.hpp>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace fleetprov::mock {

template <class Record>
using table = std::map<std::string, std::shared_ptr<const Record>, std::less<>>;

using tables = std::tuple<table<certificate_record>, table<ca_certificate_record>, table<policy_record>,
                          table<thing_record>, table<thing_type_record>, table<thing_group_record>,
                          table<billing_group_record>, table<template_record>, table<token_record>,
                          table<claim_record>, table<start_note>>;

inline const std::string& key_of(const certificate_record& r) { return r.id; }
inline const std::string& key_of(const ca_certificate_record& r) { return r.id; }
inline const std::string& key_of(const policy_record& r) { return r.name; }
inline const std::string& key_of(const thing_record& r) { return r.name; }
inline const std::string& key_of(const thing_type_record& r) { return r.name; }
inline const std::string& key_of(const thing_group_record& r) { return r.name; }
inline const std::string& key_of(const billing_group_record& r) { return r.name; }
inline const std::string& key_of(const template_record& r) { return r.name; }
inline const std::string& key_of(const token_record& r) { return r.digest; }
inline const std::string& key_of(const claim_record& r) { return r.certificate_id; }
inline const std::string& key_of(const start_note& r) { return r.name; }

constexpr std::string_view table_name(const certificate_record*) { return "certificates"; }
constexpr std::string_view table_name(const ca_certificate_record*) { return "ca_certificates"; }
constexpr std::string_view table_name(const policy_record*) { return "policies"; }
constexpr std::string_view table_name(const thing_record*) { return "things"; }
constexpr std::string_view table_name(const thing_type_record*) { return "thing_types"; }
constexpr std::string_view table_name(const thing_group_record*) { return "thing_groups"; }
constexpr std::string_view table_name(const billing_group_record*) { return "billing_groups"; }
constexpr std::string_view table_name(const template_record*) { return "templates"; }
constexpr std::string_view table_name(const token_record*) { return "tokens"; }
constexpr std::string_view table_name(const claim_record*) { return "claims"; }
constexpr std::string_view table_name(const start_note*) { return "start_notes"; }

/// Records as JSON text and back. Decoding throws std::exception on a body that is not one.
std::string encode_record(const certificate_record&);
std::string encode_record(const ca_certificate_record&);
std::string encode_record(const policy_record&);
std::string encode_record(const thing_record&);
std::string encode_record(const thing_type_record&);
std::string encode_record(const thing_group_record&);
std::string encode_record(const billing_group_record&);
std::string encode_record(const template_record&);
std::string encode_record(const token_record&);
std::string encode_record(const claim_record&);
std::string encode_record(const start_note&);
template <class Record>
Record decode_record(const std::string& body);

/// Named pairs: policy -> target, thing -> principal, group -> thing. `note` is the pair's own text.
enum class relation : std::uint8_t { policy_targets, thing_principals, group_things };
inline constexpr std::size_t relation_count = 3;
constexpr std::string_view table_name(relation which) noexcept {
  return which == relation::policy_targets     ? "policy_targets"
         : which == relation::thing_principals ? "thing_principals"
                                               : "group_things";
}
using pairs = std::map<std::string, std::string, std::less<>>;  ///< other end -> note

/// Both directions of one relation.
class pair_index {
 public:
  void set(const std::string& from, const std::string& to, const std::string& note) {
    forward_[from][to] = note;
    backward_[to][from] = note;
  }
  void erase(const std::string& from, const std::string& to) {
    drop(forward_, from, to);
    drop(backward_, to, from);
  }
  const pairs& from(std::string_view name) const { return find(forward_, name); }
  const pairs& to(std::string_view name) const { return find(backward_, name); }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [from, ends] : forward_)
      for (const auto& [to, note] : ends) visit(from, to, note);
  }

 private:
  using index = std::map<std::string, pairs, std::less<>>;
  static const pairs& find(const index& in, std::string_view name) {
    static const pairs none;
    const auto at = in.find(name);
    return at == in.end() ? none : at->second;
  }
  static void drop(index& in, const std::string& a, const std::string& b) {
    const auto at = in.find(a);
    if (at == in.end()) return;
    at->second.erase(b);
    if (at->second.empty()) in.erase(at);
  }
  index forward_, backward_;
};

/// A whole account. Copies share the records.
struct world {
  tables records;
  std::array<pair_index, relation_count> relations;

  template <class Record>
  const table<Record>& all() const { return std::get<table<Record>>(records); }
  template <class Record>
  table<Record>& all() { return std::get<table<Record>>(records); }
  template <class Record>
  std::shared_ptr<const Record> find(std::string_view key) const {
    const auto at = all<Record>().find(key);
    return at == all<Record>().end() ? nullptr : at->second;
  }
  const pair_index& pairs_of(relation which) const { return relations[static_cast<std::size_t>(which)]; }
  pair_index& pairs_of(relation which) { return relations[static_cast<std::size_t>(which)]; }
};

/// Changes that are not made yet. Reads see them on top of the world below.
class draft {
 public:
  explicit draft(const world& below) : below_(&below) {}

  template <class Record>
  std::shared_ptr<const Record> find(std::string_view key) const {
    const auto& staged = std::get<staged_table<Record>>(staged_);
    const auto at = staged.find(key);
    return at == staged.end() ? below_->find<Record>(key) : at->second;
  }
  template <class Record>
  std::shared_ptr<const Record> put(Record record) {
    auto held = std::make_shared<const Record>(std::move(record));
    put_shared<Record>(held);
    return held;
  }
  template <class Record>
  void put_shared(std::shared_ptr<const Record> held) {
    const std::string& key = key_of(*held);
    std::get<staged_table<Record>>(staged_)[key] = std::move(held);
  }
  template <class Record>
  void erase(std::string_view key) {
    std::get<staged_table<Record>>(staged_)[std::string(key)] = nullptr;
  }
  const world& below() const noexcept { return *below_; }

  void link(relation which, const std::string& from, const std::string& to, std::string note = {}) {
    links_[{which, from, to}] = std::move(note);
  }
  void unlink(relation which, const std::string& from, const std::string& to) {
    links_[{which, from, to}] = std::nullopt;
  }
  /// The pairs that start at (`from`) or end at (`to`) a name, staged changes included.
  pairs from(relation which, std::string_view name) const {
    pairs out = below_->pairs_of(which).from(name);
    for (const auto& [key, note] : links_)
      if (std::get<0>(key) == which && std::get<1>(key) == name) overlay(out, std::get<2>(key), note);
    return out;
  }
  pairs to(relation which, std::string_view name) const {
    pairs out = below_->pairs_of(which).to(name);
    for (const auto& [key, note] : links_)
      if (std::get<0>(key) == which && std::get<2>(key) == name) overlay(out, std::get<1>(key), note);
    return out;
  }

  bool empty() const noexcept {
    return links_.empty() && std::apply([](const auto&... t) { return (t.empty() && ...); }, staged_);
  }
  std::vector<stored_change> rows() const {
    std::vector<stored_change> out;
    std::apply([&](const auto&... staged) { (add_rows(out, staged), ...); }, staged_);
    for (const auto& [key, note] : links_)
      out.push_back({table_name(std::get<0>(key)), std::get<1>(key), std::get<2>(key), note});
    return out;
  }
  void apply_to(world& target) const {
    std::apply([&](const auto&... staged) { (apply_table(target, staged), ...); }, staged_);
    for (const auto& [key, note] : links_) {
      pair_index& index = target.pairs_of(std::get<0>(key));
      if (note) index.set(std::get<1>(key), std::get<2>(key), *note);
      else index.erase(std::get<1>(key), std::get<2>(key));
    }
  }
  /// Names of the changed records of one kind.
  template <class Record>
  std::vector<std::string> changed() const {
    std::vector<std::string> out;
    for (const auto& [key, held] : std::get<staged_table<Record>>(staged_)) out.push_back(key);
    return out;
  }
  template <class Visit>
  void for_each_link(Visit&& visit) const {
    for (const auto& [key, note] : links_) visit(std::get<0>(key), std::get<1>(key), std::get<2>(key));
  }

 private:
  /// Null: to be erased.
  template <class Record>
  using staged_table = std::map<std::string, std::shared_ptr<const Record>, std::less<>>;
  using link_key = std::tuple<relation, std::string, std::string>;

  static void overlay(pairs& out, const std::string& key, const std::optional<std::string>& note) {
    if (note) out[key] = *note;
    else out.erase(key);
  }
  template <class Staged>
  static void add_rows(std::vector<stored_change>& out, const Staged& staged) {
    using record = typename Staged::mapped_type::element_type;
    for (const auto& [key, held] : staged)
      out.push_back({table_name(static_cast<record*>(nullptr)), key, "",
                     held ? std::optional<std::string>(encode_record(*held)) : std::nullopt});
  }
  template <class Staged>
  static void apply_table(world& target, const Staged& staged) {
    using record = std::remove_const_t<typename Staged::mapped_type::element_type>;
    for (const auto& [key, held] : staged) {
      if (held) target.all<record>()[key] = held;
      else target.all<record>().erase(key);
    }
  }

  const world* below_;
  tables staged_;
  std::map<link_key, std::optional<std::string>> links_;
};

/// Every table of `state.db`.
std::vector<std::string_view> all_table_names();
world load_world(const database& from);

}  // namespace fleetprov::mock
