#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace fleetprov::mock {

/// A refusal of the control plane in AWS's words (AWS IoT API Reference): the exception's name, its HTTP
/// status, the text for people. Never holds a secret.
class aws_error : public std::exception {
 public:
  aws_error(std::string code, int http_status, std::string message)
      : code_(std::move(code)), http_status_(http_status), message_(std::move(message)) {}

  const std::string& code() const noexcept { return code_; }  ///< "ResourceNotFoundException"
  int http_status() const noexcept { return http_status_; }
  const std::string& message() const noexcept { return message_; }
  /// Set for ResourceAlreadyExistsException only.
  const std::string& resource_id() const noexcept { return resource_id_; }
  const std::string& resource_arn() const noexcept { return resource_arn_; }
  const char* what() const noexcept override { return message_.c_str(); }

  static aws_error invalid_request(std::string message);
  static aws_error throttling(std::string message);
  static aws_error malformed_policy(std::string message);
  static aws_error certificate_validation(std::string message);
  static aws_error registration_failure(std::string message);
  static aws_error not_found(std::string message = "The specified resource does not exist");
  static aws_error certificate_state(std::string message);
  static aws_error already_exists(std::string message, std::string id, std::string arn);
  static aws_error delete_conflict(std::string message);
  static aws_error version_conflict(std::string message);
  static aws_error versions_limit(std::string message);
  static aws_error conflicting_update(std::string message);
  static aws_error certificate_conflict(std::string message);
  static aws_error limit_exceeded(std::string message);
  static aws_error internal_failure(std::string message);

 private:
  std::string code_;
  int http_status_;
  std::string message_, resource_id_, resource_arn_;
};

/// A change that could not be stored (disk full, database locked or broken). Nothing was changed; the
/// caller answers 500.
class storage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace fleetprov::mock
