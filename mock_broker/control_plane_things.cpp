// Things, principals, types, groups and the endpoint (AWS IoT API Reference).
#include <mock_broker/control_plane_call.hpp>
#include <mock_broker/name_rules.hpp>

#include <algorithm>

namespace fleetprov::mock {
namespace {

text_map read_attributes(const json::value& in) {
  const json::value* payload = api_call::object_of(in, "attributePayload");
  if (payload == nullptr) return {};
  api_call::flag_of(*payload, "merge");  // nothing to merge with at creation, but no other type either
  return api_call::text_map_of(*payload, "attributes");
}

json_out show_thing(const api_call& call, const thing_record& thing) {
  json_out out{{"thingName", thing.name}};
  put_unless_empty(out, "thingTypeName", thing.thing_type);
  out["thingArn"] = call.world().arn_of("thing", thing.name);
  out["attributes"] = thing.attributes;
  out["version"] = thing.version;
  return out;
}

json_out create_thing(const api_call& call) {
  thing_properties wanted;
  wanted.thing_type = call.text("thingTypeName").value_or("");
  wanted.billing_group = call.text("billingGroupName").value_or("");
  wanted.attributes = read_attributes(call.body());
  const auto made = call.world().create_thing(call.path(0), wanted);
  return {{"thingName", made->name}, {"thingArn", call.world().arn_of("thing", made->name)}, {"thingId", made->id}};
}

json_out describe_thing(const api_call& call) {
  const auto found = call.world().describe_thing(call.path(0));
  json_out out{{"defaultClientId", found->name},
               {"thingName", found->name},
               {"thingId", found->id},
               {"thingArn", call.world().arn_of("thing", found->name)}};
  put_unless_empty(out, "thingTypeName", found->thing_type);
  out["attributes"] = found->attributes;
  out["version"] = found->version;
  put_unless_empty(out, "billingGroupName", found->billing_group);
  return out;
}

json_out list_things(const api_call& call) {
  thing_filter filter;
  filter.attribute_name = call.query("attributeName").value_or("");
  filter.attribute_value = call.query("attributeValue").value_or("");
  filter.thing_type = call.query("thingTypeName").value_or("");
  filter.prefix = call.query_flag("usePrefixAttributeValue", false);
  return page_of("things", call.world().list_things(filter, call.token_page()), "nextToken",
                 [&](const auto& one) { return show_thing(call, *one); });
}

json_out update_thing(const api_call& call) {
  thing_update wanted;
  if (const json::value* payload = call.object("attributePayload")) {
    wanted.attributes = api_call::text_map_of(*payload, "attributes");
    wanted.how =
        api_call::flag_of(*payload, "merge").value_or(false) ? attribute_change::merge : attribute_change::replace;
  }
  wanted.thing_type = call.text("thingTypeName");
  wanted.remove_thing_type = call.flag("removeThingType").value_or(false);
  wanted.expected_version = call.number("expectedVersion");
  call.world().update_thing(call.path(0), wanted);
  return nullptr;
}

json_out delete_thing(const api_call& call) {
  call.world().delete_thing(call.path(0), call.query_number("expectedVersion"));
  return nullptr;
}

std::optional<principal_type> read_principal_type(const api_call& call) {
  const auto given = call.query("thingPrincipalType");
  if (!given) return std::nullopt;
  const auto parsed = parse_principal_type(*given);
  if (!parsed) throw aws_error::invalid_request("'thingPrincipalType' must be EXCLUSIVE_THING or NON_EXCLUSIVE_THING.");
  return parsed;
}

json_out attach_thing_principal(const api_call& call) {
  call.world().attach_thing_principal(call.path(0), call.required_header("x-amzn-principal"),
                                      read_principal_type(call).value_or(principal_type::non_exclusive_thing));
  return nullptr;
}

json_out detach_thing_principal(const api_call& call) {
  call.world().detach_thing_principal(call.path(0), call.required_header("x-amzn-principal"));
  return nullptr;
}

json_out list_thing_principals(const api_call& call) {
  return page_of("principals", call.world().list_thing_principals(call.path(0), std::nullopt, call.token_page()),
                 "nextToken", [](const principal_attachment& one) { return json_out(one.name); });
}

json_out list_thing_principals_v2(const api_call& call) {
  return page_of("thingPrincipalObjects",
                 call.world().list_thing_principals(call.path(0), read_principal_type(call), call.token_page()),
                 "nextToken", [](const principal_attachment& one) -> json_out {
                   return {{"principal", one.name}, {"thingPrincipalType", name_of(one.type)}};
                 });
}

json_out list_principal_things(const api_call& call) {
  return page_of(
      "things",
      call.world().list_principal_things(call.required_header("x-amzn-principal"), std::nullopt, call.token_page()),
      "nextToken", [](const principal_attachment& one) { return json_out(one.name); });
}

json_out list_principal_things_v2(const api_call& call) {
  return page_of("principalThingObjects",
                 call.world().list_principal_things(call.required_header("x-amzn-principal"), read_principal_type(call),
                                                    call.token_page()),
                 "nextToken", [](const principal_attachment& one) -> json_out {
                   return {{"thingName", one.name}, {"thingPrincipalType", name_of(one.type)}};
                 });
}

/// `PropagatingAttribute`: each member has an alphabet of its own.
void check_propagating_attribute(std::string_view member, std::string_view value) {
  if (member == "thingAttribute") return check_attribute_name(member, value);
  check_length(member, value, 128);
  const std::string_view also = member == "userPropertyKey" ? ":$." : ":.";
  const auto fits = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || also.find(c) != std::string_view::npos;
  };
  if (!std::all_of(value.begin(), value.end(), fits))
    refuse_value(member, value, "Member must satisfy regular expression pattern: [a-zA-Z0-9" + std::string(also) + "]+");
}

/// `mqtt5Configuration` as JSON text: kept and shown, nothing acts on it (docs/fidelity.md).
std::string read_mqtt5_configuration(const json::value& given) {
  json_out attributes = json_out::array();
  for (const json::member& member : given.members) {
    if (member.key != "propagatingAttributes") continue;
    if (!member.held.is_array()) throw aws_error::invalid_request("'propagatingAttributes' must be a list.");
    for (const json::value& item : member.held.items) {
      if (!item.is_object()) throw aws_error::invalid_request("'propagatingAttributes' must be a list of objects.");
      json_out attribute = json_out::object();
      for (const char* name : {"userPropertyKey", "thingAttribute", "connectionAttribute"}) {
        const auto value = api_call::text_of(item, name);
        if (!value) continue;
        check_propagating_attribute(name, *value);
        attribute[name] = *value;
      }
      attributes.push_back(std::move(attribute));
    }
  }
  return json_out{{"propagatingAttributes", std::move(attributes)}}.dump();
}

json_out create_thing_type(const api_call& call) {
  thing_type_record wanted;
  wanted.name = call.path(0);
  if (const json::value* properties = call.object("thingTypeProperties")) {
    wanted.description = api_call::text_of(*properties, "thingTypeDescription").value_or("");
    wanted.searchable_attributes = api_call::texts_of(*properties, "searchableAttributes");
    if (const json::value* mqtt5 = api_call::object_of(*properties, "mqtt5Configuration"))
      wanted.mqtt5_configuration = read_mqtt5_configuration(*mqtt5);
  }
  wanted.tags = call.tags();
  const auto made = call.world().create_thing_type(std::move(wanted));
  return {{"thingTypeName", made->name},
          {"thingTypeArn", call.world().arn_of("thingtype", made->name)},
          {"thingTypeId", made->id}};
}

void put_type_details(json_out& out, const thing_type_record& type) {
  json_out properties = json_out::object();
  put_unless_empty(properties, "thingTypeDescription", type.description);
  properties["searchableAttributes"] = type.searchable_attributes;
  if (!type.mqtt5_configuration.empty()) properties["mqtt5Configuration"] = json_out::parse(type.mqtt5_configuration);
  out["thingTypeProperties"] = std::move(properties);
  json_out metadata{{"deprecated", type.deprecated}};
  if (type.deprecated) metadata["deprecationDate"] = to_epoch_seconds(type.deprecation_date);
  metadata["creationDate"] = to_epoch_seconds(type.created);
  out["thingTypeMetadata"] = std::move(metadata);
}

json_out describe_thing_type(const api_call& call) {
  const auto found = call.world().describe_thing_type(call.path(0));
  json_out out{{"thingTypeName", found->name},
               {"thingTypeId", found->id},
               {"thingTypeArn", call.world().arn_of("thingtype", found->name)}};
  put_type_details(out, *found);
  return out;
}

json_out list_thing_types(const api_call& call) {
  return page_of(
      "thingTypes", call.world().list_thing_types(call.query("thingTypeName").value_or(""), call.token_page()),
      "nextToken", [&](const auto& one) {
        json_out out{{"thingTypeName", one->name}, {"thingTypeArn", call.world().arn_of("thingtype", one->name)}};
        put_type_details(out, *one);
        return out;
      });
}

json_out deprecate_thing_type(const api_call& call) {
  call.world().deprecate_thing_type(call.path(0), call.flag("undoDeprecate").value_or(false));
  return json_out::object();
}

json_out delete_thing_type(const api_call& call) {
  call.world().delete_thing_type(call.path(0));
  return json_out::object();
}

json_out create_thing_group(const api_call& call) {
  thing_group_record wanted;
  wanted.name = call.path(0);
  wanted.parent = call.text("parentGroupName").value_or("");
  if (const json::value* properties = call.object("thingGroupProperties")) {
    wanted.description = api_call::text_of(*properties, "thingGroupDescription").value_or("");
    wanted.attributes = read_attributes(*properties);
  }
  wanted.tags = call.tags();
  const auto made = call.world().create_thing_group(std::move(wanted));
  return {{"thingGroupName", made->name},
          {"thingGroupArn", call.world().arn_of("thinggroup", made->name)},
          {"thingGroupId", made->id}};
}

json_out describe_thing_group(const api_call& call) {
  const auto found = call.world().describe_thing_group(call.path(0));
  json_out properties = json_out::object();
  put_unless_empty(properties, "thingGroupDescription", found->description);
  properties["attributePayload"] = {{"attributes", found->attributes}};
  json_out metadata = json_out::object();
  put_unless_empty(metadata, "parentGroupName", found->parent);
  json_out ancestors = json_out::array();
  for (const group_ancestor& one : call.world().thing_group_ancestors(found->name))
    ancestors.push_back({{"groupName", one.name}, {"groupArn", one.arn}});
  metadata["rootToParentThingGroups"] = std::move(ancestors);
  metadata["creationDate"] = to_epoch_seconds(found->created);
  return {{"thingGroupName", found->name},
          {"thingGroupId", found->id},
          {"thingGroupArn", call.world().arn_of("thinggroup", found->name)},
          {"version", found->version},
          {"thingGroupProperties", std::move(properties)},
          {"thingGroupMetadata", std::move(metadata)}};
}

json_out list_thing_groups(const api_call& call) {
  thing_group_filter filter;
  filter.parent = call.query("parentGroup").value_or("");
  filter.name_prefix = call.query("namePrefixFilter").value_or("");
  if (call.query("recursive")) filter.recursive = call.query_flag("recursive", false);
  return page_of("thingGroups", call.world().list_thing_groups(filter, call.token_page()), "nextToken",
                 [&](const auto& one) -> json_out {
                   return {{"groupName", one->name}, {"groupArn", call.world().arn_of("thinggroup", one->name)}};
                 });
}

json_out delete_thing_group(const api_call& call) {
  call.world().delete_thing_group(call.path(0), call.query_number("expectedVersion"));
  return json_out::object();
}

/// Either spelling of a member that may be a name or an ARN.
std::string name_or_arn(const api_call& call, const char* name, const char* arn) {
  if (auto given = call.text(name)) return std::move(*given);
  if (auto given = call.text(arn)) return std::move(*given);
  throw aws_error::invalid_request(std::string("either '") + name + "' or '" + arn + "' must be given.");
}

json_out add_thing_to_thing_group(const api_call& call) {
  call.world().add_thing_to_group(name_or_arn(call, "thingGroupName", "thingGroupArn"),
                                  name_or_arn(call, "thingName", "thingArn"));
  return json_out::object();
}

json_out remove_thing_from_thing_group(const api_call& call) {
  call.world().remove_thing_from_group(name_or_arn(call, "thingGroupName", "thingGroupArn"),
                                       name_or_arn(call, "thingName", "thingArn"));
  return json_out::object();
}

json_out list_thing_groups_for_thing(const api_call& call) {
  return page_of("thingGroups", call.world().list_groups_for_thing(call.path(0), call.token_page()), "nextToken",
                 [](const group_ancestor& one) -> json_out {
                   return {{"groupName", one.name}, {"groupArn", one.arn}};
                 });
}

json_out list_things_in_thing_group(const api_call& call) {
  return page_of(
      "things", call.world().list_things_in_group(call.path(0), call.query_flag("recursive", false), call.token_page()),
      "nextToken", [](const std::string& name) { return json_out(name); });
}

json_out create_billing_group(const api_call& call) {
  billing_group_record wanted;
  wanted.name = call.path(0);
  if (const json::value* properties = call.object("billingGroupProperties"))
    wanted.description = api_call::text_of(*properties, "billingGroupDescription").value_or("");
  wanted.tags = call.tags();
  const auto made = call.world().create_billing_group(std::move(wanted));
  return {{"billingGroupName", made->name},
          {"billingGroupArn", call.world().arn_of("billinggroup", made->name)},
          {"billingGroupId", made->id}};
}

json_out describe_billing_group(const api_call& call) {
  const auto found = call.world().describe_billing_group(call.path(0));
  json_out properties = json_out::object();
  put_unless_empty(properties, "billingGroupDescription", found->description);
  return {{"billingGroupName", found->name},
          {"billingGroupId", found->id},
          {"billingGroupArn", call.world().arn_of("billinggroup", found->name)},
          {"version", found->version},
          {"billingGroupProperties", std::move(properties)},
          {"billingGroupMetadata", {{"creationDate", to_epoch_seconds(found->created)}}}};
}

json_out list_billing_groups(const api_call& call) {
  const auto found = call.world().list_billing_groups(call.query("namePrefixFilter").value_or(""), call.token_page());
  return page_of("billingGroups", found, "nextToken", [&](const auto& one) -> json_out {
    return {{"groupName", one->name}, {"groupArn", call.world().arn_of("billinggroup", one->name)}};
  });
}

json_out delete_billing_group(const api_call& call) {
  call.world().delete_billing_group(call.path(0), call.query_number("expectedVersion"));
  return json_out::object();
}

json_out describe_endpoint(const api_call& call) {
  const std::string kind = call.query("endpointType").value_or("iot:Data");
  if (kind != "iot:Data" && kind != "iot:Data-ATS" && kind != "iot:CredentialProvider" && kind != "iot:Jobs")
    throw aws_error::invalid_request("Endpoint type " + kind + " not recognized.");
  return {{"endpointAddress", call.context().endpoint_host}};
}

}  // namespace

const std::vector<route>& thing_routes() {
  static const std::vector<route> routes{
      {"POST", "/things/{thingName}", "CreateThing", create_thing},
      {"GET", "/things/{thingName}", "DescribeThing", describe_thing},
      {"GET", "/things", "ListThings", list_things},
      {"PATCH", "/things/{thingName}", "UpdateThing", update_thing},
      {"DELETE", "/things/{thingName}", "DeleteThing", delete_thing},
      {"PUT", "/things/{thingName}/principals", "AttachThingPrincipal", attach_thing_principal},
      {"DELETE", "/things/{thingName}/principals", "DetachThingPrincipal", detach_thing_principal},
      {"GET", "/things/{thingName}/principals", "ListThingPrincipals", list_thing_principals},
      {"GET", "/things/{thingName}/principals-v2", "ListThingPrincipalsV2", list_thing_principals_v2},
      {"GET", "/principals/things", "ListPrincipalThings", list_principal_things},
      {"GET", "/principals/things-v2", "ListPrincipalThingsV2", list_principal_things_v2},
      {"POST", "/thing-types/{thingTypeName}", "CreateThingType", create_thing_type},
      {"GET", "/thing-types/{thingTypeName}", "DescribeThingType", describe_thing_type},
      {"GET", "/thing-types", "ListThingTypes", list_thing_types},
      {"POST", "/thing-types/{thingTypeName}/deprecate", "DeprecateThingType", deprecate_thing_type},
      {"DELETE", "/thing-types/{thingTypeName}", "DeleteThingType", delete_thing_type},
      {"POST", "/thing-groups/{thingGroupName}", "CreateThingGroup", create_thing_group},
      {"GET", "/thing-groups/{thingGroupName}", "DescribeThingGroup", describe_thing_group},
      {"GET", "/thing-groups", "ListThingGroups", list_thing_groups},
      {"DELETE", "/thing-groups/{thingGroupName}", "DeleteThingGroup", delete_thing_group},
      {"PUT", "/thing-groups/addThingToThingGroup", "AddThingToThingGroup", add_thing_to_thing_group},
      {"PUT", "/thing-groups/removeThingFromThingGroup", "RemoveThingFromThingGroup", remove_thing_from_thing_group},
      {"GET", "/things/{thingName}/thing-groups", "ListThingGroupsForThing", list_thing_groups_for_thing},
      {"GET", "/thing-groups/{thingGroupName}/things", "ListThingsInThingGroup", list_things_in_thing_group},
      {"POST", "/billing-groups/{billingGroupName}", "CreateBillingGroup", create_billing_group},
      {"GET", "/billing-groups/{billingGroupName}", "DescribeBillingGroup", describe_billing_group},
      {"GET", "/billing-groups", "ListBillingGroups", list_billing_groups},
      {"DELETE", "/billing-groups/{billingGroupName}", "DeleteBillingGroup", delete_billing_group},
      {"GET", "/endpoint", "DescribeEndpoint", describe_endpoint},
  };
  return routes;
}

}  // namespace fleetprov::mock
