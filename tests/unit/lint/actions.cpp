// Action entries: names, wildcards, entries that cover each other.

#include <tests/unit/lint/lint_support.hpp>

using namespace test;

namespace {

std::vector<fleetprov::diagnostic> of(const std::vector<std::string>& actions, const std::string& effect = "Allow") {
  return lint_text(policy({statement_of(effect, actions, {"topic/a"})}));
}

}  // namespace

TEST_CASE("an unknown action gets the nearest name, and none where no name is near") {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"iot:Publsh", "did you mean `iot:Publish`?"},
      {"iot:Connekt", "did you mean `iot:Connect`?"},
      {"iot:X", ""},
      {"iot:PublishWhateverTheDeviceHasMeasuredSinceItsLastReport", ""},
      {"iot:*JobExecutions", "-"},  // GetPendingJobExecutions, in its old spelling
      {"iot:Describe*", "-"},
      {"iot:Jobs*", ""},
  };
  for (const auto& [action, help] : rows) {
    CAPTURE(action);
    CHECK(help_of(of({action}), "P050") == help);
  }
}

TEST_CASE("a pattern that only old spellings of job actions match is an old spelling") {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"iot:*JobExecution*", "write `iotjobsdata:*JobExecution*`"},
      {"iot:Describe*", "write `iotjobsdata:Describe*`"},
      {"iot:UpdateJob?xecution", "write `iotjobsdata:UpdateJob?xecution`"},
      {"iot:Get*", "-"},  // also GetThingShadow
      {"iotjobsdata:*", "-"},
      {"iot:Jobs*", "-"},
  };
  for (const auto& [action, help] : rows) {
    CAPTURE(action);
    CHECK(help_of(of({action}), "P053") == help);
  }
}

TEST_CASE("an Allow of every action is told from one of some") {
  for (const std::string all : {"*", "iot:*", "*:*"}) {
    CAPTURE(all);
    CHECK(fires(of({all}), "P056"));
    CHECK_FALSE(fires(of({all}, "Deny"), "P056"));
  }
  for (const std::string some : {"iot:Pub*", "iotjobsdata:*", "iot:?*"}) {
    CAPTURE(some);
    CHECK_FALSE(fires(of({some}), "P056"));
  }
}

TEST_CASE("of two equal actions the later one is redundant, and a `?` covers nothing for certain") {
  CHECK(only(of({"iot:Publish", "iot:publish"}), "P076").pointer == "/Statement/0/Action/1");
  CHECK(only(of({"iot:P*bl?sh", "iot:P*bl?sh"}), "P076").pointer == "/Statement/0/Action/1");
  CHECK(only(of({"iot:Pub*", "iot:Publish"}), "P076").pointer == "/Statement/0/Action/1");
  CHECK_FALSE(fires(of({"iot:P*bl?sh", "iot:Publish"}), "P076"));
  CHECK_FALSE(fires(of({"iot:?ublish", "iot:Publish"}), "P076"));
}

TEST_CASE("an action's text is shown on one line and cut after 120 characters") {
  CHECK(only(of({R"(iot:Pub\u0001\u007flish)"}), "P050").message == "unknown action `iot:Pub??lish`");
  CHECK(only(of({"iot:" + std::string(200, 'a')}), "P050").message ==
        "unknown action `iot:" + std::string(116, 'a') + "...`");
}

TEST_CASE("actions of the control plane are told from slips of the keyboard") {
  const auto found = of({"iot:registerthing"});
  CHECK(says(found, "`iot:registerthing` is a control-plane action: an IoT policy cannot grant it"));
  CHECK(help_of(found, "P050") == "a device asks for it by publishing: allow the topics that `fleetprov topics` lists");
  CHECK(help_of(of({"iot:DescribeThing"}), "P050") == "grant it in an IAM policy, to those who call the AWS API");
}
