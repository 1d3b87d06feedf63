#pragma once
// A registry and a fleet service in a folder of their own, without a broker.

#include <fleetprov/crypto/csr.hpp>
#include <fleetprov/crypto/private_key.hpp>
#include <fleetprov/payloads/codec.hpp>
#include <fleetprov/payloads/messages.hpp>
#include <mock_broker/certificate_authority.hpp>
#include <mock_broker/fleet_service.hpp>
#include <mock_broker/registry.hpp>

#include <stdlib.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace test {

namespace mock = fleetprov::mock;
namespace topics = fleetprov::topics;
namespace payloads = fleetprov::payloads;

/// A private folder that goes with the object.
class temporary_folder {
 public:
  temporary_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "fleetprov-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// One authority for all tests of a program (EC: quick to make).
inline const mock::certificate_authority& shared_authority() {
  static const temporary_folder folder;
  static const mock::certificate_authority made({folder.path(), {}, mock::authority_key::ec_p256});
  return made;
}

inline const char* allow_all_policy() {
  return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]})";
}
inline const char* role_arn() { return "arn:aws:iam::123456789012:role/provisioning"; }

/// ThingName from SerialNumber, policy `device`, optional extra properties.
inline std::string fleet_template(const std::string& thing_extra = "", const std::string& certificate_extra = "",
                                  const std::string& overrides = "") {
  return R"({"Parameters":{"SerialNumber":{"Type":"String"},"Site":{"Type":"String","Default":"north"}},"Resources":{)"
         R"("thing":{"Type":"AWS::IoT::Thing",)" +
         (overrides.empty() ? std::string() : "\"OverrideSettings\":" + overrides + ",") +
         R"("Properties":{"ThingName":{"Fn::Join":["-",["dev",{"Ref":"SerialNumber"}]]},"AttributePayload":{"site":{"Ref":"Site"}})" +
         thing_extra + R"(}},"certificate":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},"Status":"Active")" +
         certificate_extra + R"(}},"policy":{"Type":"AWS::IoT::Policy","Properties":{"PolicyName":"device"}}},)"
         R"("DeviceConfiguration":{"site":{"Ref":"Site"}}})";
}

/// A registry over its own folder, with a clock to move.
class world {
 public:
  world() { open(); }
  mock::registry& registry() { return *registry_; }
  mock::clock& clock() { return clock_; }
  const std::filesystem::path& folder() const { return folder_.path(); }
  /// As a restart of the process would.
  void reopen() {
    registry_.reset();
    open();
  }
  void add_template(const std::string& name, const std::string& body, bool enabled = true,
                    std::optional<mock::hook_reference> hook = std::nullopt) {
    mock::template_settings wanted;
    wanted.name = name;
    wanted.body = body;
    wanted.role_arn = role_arn();
    wanted.enabled = enabled;
    wanted.hook = std::move(hook);
    registry().create_template(wanted);
  }
  std::string add_certificate(mock::certificate_status status = mock::certificate_status::active) {
    const auto key = *fleetprov::crypto::private_key::generate(fleetprov::crypto::key_type::ec_p256);
    const auto issued = shared_authority().issue_for_key(*key.to_pem(), clock_.now());
    return registry().add_certificate(issued, status)->id;
  }
  std::string arn(const std::string& certificate_id) { return registry().certificate_arn(certificate_id); }

 private:
  void open() {
    mock::registry_options how;
    how.database = folder_.path() / "state.db";
    registry_ = std::make_unique<mock::registry>(how, clock_);
  }
  temporary_folder folder_;
  mock::clock clock_;
  std::unique_ptr<mock::registry> registry_;
};

/// What a service answered, by the order of completion.
class replies {
 public:
  void add(mock::completed_reply one) {
    const std::lock_guard<std::mutex> held(lock_);
    all_.push_back(std::move(one));
    added_.notify_all();
  }
  /// Waits for the next reply to `client`; throws after 60 s.
  mock::completed_reply next(const std::string& client) {
    std::unique_lock<std::mutex> held(lock_);
    const auto find = [&] {
      for (auto at = all_.begin(); at != all_.end(); ++at)
        if (at->to.client_id == client) return at;
      return all_.end();
    };
    if (!added_.wait_for(held, std::chrono::seconds(60), [&] { return find() != all_.end(); }))
      throw std::runtime_error("no reply to " + client);
    const auto at = find();
    mock::completed_reply out = std::move(*at);
    all_.erase(at);
    return out;
  }
  std::size_t waiting() {
    const std::lock_guard<std::mutex> held(lock_);
    return all_.size();
  }

 private:
  std::mutex lock_;
  std::condition_variable added_;
  std::vector<mock::completed_reply> all_;
};

struct credentials {
  std::string certificate_id, certificate_pem, private_key, token;
};

/// A service over a world, spoken to as a device would.
class service : public world {
 public:
  explicit service(mock::service_settings how = {}) {
    if (how.key_pool.empty() && how.key_pool_size == mock::service_settings{}.key_pool_size) how.key_pool_size = 0;
    mock::service_callbacks callbacks;
    callbacks.on_reply = [this](mock::completed_reply one) { replies_.add(std::move(one)); };
    callbacks.on_log = [this](const mock::service_log_entry& entry) {
      const std::lock_guard<std::mutex> held(lock_);
      log_.push_back(entry);
    };
    callbacks.on_note = [this](mock::note_level, std::string_view line) {
      const std::lock_guard<std::mutex> held(lock_);
      notes_.emplace_back(line);
    };
    service_ = std::make_unique<mock::fleet_service>(registry(), shared_authority(), std::move(how), std::move(callbacks));
  }
  mock::fleet_service& fleet() { return *service_; }
  replies& answers() { return replies_; }

  void send(const std::string& client, topics::api call, const std::string& payload, const std::string& name = "",
            topics::payload_format format = topics::payload_format::json, std::uint64_t connection = 1) {
    topics::fleet_topic topic;
    topic.call = call;
    topic.format = format;
    if (!name.empty()) topic.name = *topics::template_name::parse(name);
    service_->handle({client, std::string(64, 'c'), connection}, topic,
                     reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size());
  }
  mock::completed_reply ask(topics::api call, const std::string& payload, const std::string& name = "",
                            topics::payload_format format = topics::payload_format::json, std::uint64_t connection = 1) {
    const std::string client = "client-" + std::to_string(++counter_);
    send(client, call, payload, name, format, connection);
    return replies_.next(client);
  }
  static std::string csr(fleetprov::crypto::key_type kind = fleetprov::crypto::key_type::ec_p256) {
    const auto key = *fleetprov::crypto::private_key::generate(kind);
    return *fleetprov::crypto::make_csr_pem(key, {"device", "", "", "", ""});
  }
  /// CreateCertificateFromCsr with a new EC key.
  credentials create(std::uint64_t connection = 1) {
    payloads::create_certificate_from_csr_request asked{csr()};
    const auto bytes = *payloads::encode(asked, topics::payload_format::json);
    const auto reply = ask(topics::api::create_certificate_from_csr, std::string(bytes.begin(), bytes.end()), "",
                           topics::payload_format::json, connection);
    if (reply.status_code != 200) throw std::runtime_error("create was refused");
    return read_credentials(reply);
  }
  static credentials read_credentials(const mock::completed_reply& reply) {
    auto got = payloads::decode<payloads::certificate_response>(bytes(reply), reply.payload.size(), reply.topic.format);
    if (!got) throw std::runtime_error("unreadable reply");
    return {got->certificate_id, got->certificate_pem, got->private_key ? std::string(got->private_key->reveal()) : "",
            std::string(got->certificate_ownership_token.reveal())};
  }
  static std::string registration(const std::string& token, const std::map<std::string, std::string>& parameters) {
    payloads::register_thing_request asked;
    asked.certificate_ownership_token = fleetprov::secret(token);
    asked.parameters = parameters;
    const auto bytes = *payloads::encode(asked, topics::payload_format::json);
    return {bytes.begin(), bytes.end()};
  }
  mock::completed_reply register_thing(const std::string& name, const std::string& token,
                                       const std::map<std::string, std::string>& parameters,
                                       std::uint64_t connection = 1) {
    return ask(topics::api::register_thing, registration(token, parameters), name, topics::payload_format::json, connection);
  }
  static payloads::error_response error(const mock::completed_reply& reply) {
    auto got = payloads::decode<payloads::error_response>(bytes(reply), reply.payload.size(), reply.topic.format);
    if (!got) throw std::runtime_error("unreadable rejected reply");
    return *got;
  }
  static payloads::register_thing_response thing(const mock::completed_reply& reply) {
    auto got = payloads::decode<payloads::register_thing_response>(bytes(reply), reply.payload.size(), reply.topic.format);
    if (!got) throw std::runtime_error("unreadable accepted reply");
    return *got;
  }
  std::vector<mock::service_log_entry> log() {
    const std::lock_guard<std::mutex> held(lock_);
    return log_;
  }
  std::string notes() {
    const std::lock_guard<std::mutex> held(lock_);
    std::string out;
    for (const std::string& line : notes_) out += line + "\n";
    return out;
  }

 private:
  static const std::uint8_t* bytes(const mock::completed_reply& reply) {
    return reinterpret_cast<const std::uint8_t*>(reply.payload.reveal().data());
  }
  std::mutex lock_;
  std::vector<mock::service_log_entry> log_;
  std::vector<std::string> notes_;
  replies replies_;
  int counter_ = 0;
  std::unique_ptr<mock::fleet_service> service_;  // last: its threads use the members above
};

/// The code of the aws_error that `act` throws; "" for none.
template <class Act>
std::string error_of(Act&& act) {
  try {
    act();
  } catch (const mock::aws_error& refused) {
    return refused.code() + " " + std::to_string(refused.http_status());
  }
  return "";
}

}  // namespace test
