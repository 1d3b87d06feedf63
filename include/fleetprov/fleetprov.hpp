#pragma once

/// The whole toolkit except what needs OpenSSL, POSIX, an MQTT client or a broker: include
/// `fleetprov/crypto/...`, `fleetprov/storage/posix_store.hpp`, `fleetprov/adapters/...` and
/// `fleetprov/testing/...` for those.

#include <fleetprov/config.hpp>
#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/core/inline_text.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/core/secret.hpp>
#include <fleetprov/core/utf8.hpp>
#include <fleetprov/json/document.hpp>
#include <fleetprov/json/rules.hpp>
#include <fleetprov/payloads/codec.hpp>
#include <fleetprov/payloads/messages.hpp>
#include <fleetprov/policies/lint.hpp>
#include <fleetprov/policies/placeholders.hpp>
#include <fleetprov/policies/policies.hpp>
#include <fleetprov/policies/render.hpp>
#include <fleetprov/policies/roles.hpp>
#include <fleetprov/provisioning/machine.hpp>
#include <fleetprov/provisioning/session.hpp>
#include <fleetprov/storage/credential_store.hpp>
#include <fleetprov/templates/templates.hpp>
#include <fleetprov/topics/arn.hpp>
#include <fleetprov/topics/fleet_topics.hpp>
#include <fleetprov/topics/limits.hpp>
#include <fleetprov/topics/reserved_topics.hpp>
#include <fleetprov/topics/template_name.hpp>
#include <fleetprov/topics/thing_name.hpp>
#include <fleetprov/topics/thing_topics.hpp>
#include <fleetprov/topics/topic_filter.hpp>
#include <fleetprov/topics/topic_name.hpp>
#include <fleetprov/version.hpp>
