#include <mock_broker/errors.hpp>

namespace fleetprov::mock {

aws_error aws_error::invalid_request(std::string m) { return {"InvalidRequestException", 400, std::move(m)}; }
aws_error aws_error::throttling(std::string m) { return {"ThrottlingException", 400, std::move(m)}; }
aws_error aws_error::malformed_policy(std::string m) { return {"MalformedPolicyException", 400, std::move(m)}; }
aws_error aws_error::certificate_validation(std::string m) {
  return {"CertificateValidationException", 400, std::move(m)};
}
aws_error aws_error::registration_failure(std::string m) {
  return {"ResourceRegistrationFailureException", 400, std::move(m)};
}
aws_error aws_error::not_found(std::string m) { return {"ResourceNotFoundException", 404, std::move(m)}; }
aws_error aws_error::certificate_state(std::string m) { return {"CertificateStateException", 406, std::move(m)}; }
aws_error aws_error::already_exists(std::string m, std::string id, std::string arn) {
  aws_error out("ResourceAlreadyExistsException", 409, std::move(m));
  out.resource_id_ = std::move(id);
  out.resource_arn_ = std::move(arn);
  return out;
}
aws_error aws_error::delete_conflict(std::string m) { return {"DeleteConflictException", 409, std::move(m)}; }
aws_error aws_error::version_conflict(std::string m) { return {"VersionConflictException", 409, std::move(m)}; }
aws_error aws_error::versions_limit(std::string m) { return {"VersionsLimitExceededException", 409, std::move(m)}; }
aws_error aws_error::conflicting_update(std::string m) {
  return {"ConflictingResourceUpdateException", 409, std::move(m)};
}
aws_error aws_error::certificate_conflict(std::string m) { return {"CertificateConflictException", 409, std::move(m)}; }
aws_error aws_error::limit_exceeded(std::string m) { return {"LimitExceededException", 410, std::move(m)}; }
aws_error aws_error::internal_failure(std::string m) { return {"InternalFailureException", 500, std::move(m)}; }

}  // namespace fleetprov::mock
