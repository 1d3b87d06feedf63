#pragma once

#include <fleetprov/templates/document.hpp>
#include <fleetprov/templates/plan.hpp>

#include <cstddef>
#include <map>
#include <string>

namespace fleetprov::templates {

/// Values that the service itself knows. They win over parameters of the same name.
struct predefined {
  /// `AWS::IoT::Certificate::Id`. The default is a placeholder for callers without a certificate.
  std::string certificate_id = std::string(64, '0');
  /// JITP: values of the certificate's subject by short name ("CommonName", "Country", ...).
  /// A name that is not here is looked up in the parameters by its full name.
  std::map<std::string, std::string> subject;
};

/// Bounds of one evaluation; what a template or a device sends cannot make it exceed them.
struct evaluation_limits {
  std::size_t max_parameter_name = 2048;     ///< characters (API RegisterThing)
  std::size_t max_parameter_value = 4096;    ///< characters (API RegisterThing)
  std::size_t max_output_bytes = 512 * 1024; ///< all text made, intermediate values included
};

/// What RegisterThing would create for these parameters (the device's, with the hook's overrides laid
/// over them; `Default` fills the rest). Parameter values are data: `${}` inside them is not expanded.
/// Refused (errors, no value): a referenced parameter without a value, Select out of bounds, unknown
/// map keys, names and attributes outside AWS's limits, an inline policy that is no policy, more
/// output than the limits allow. Names that the template does not know are ignored.
/// Precondition: the template has no grammar errors; one that has is refused as far as it matters.
outcome<plan> evaluate(const provisioning_template& subject, const std::map<std::string, std::string>& parameters,
                       const predefined& known = {}, const evaluation_limits& limits = {});

}  // namespace fleetprov::templates

#include <fleetprov/templates/detail/evaluator.hpp>
