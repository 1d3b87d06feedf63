// Each case is built twice: good, and with BAD defined; the bad build must fail with our message.
#include <fleetprov/core/inline_text.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/core/secret.hpp>
#include <fleetprov/payloads/codec.hpp>
#include <fleetprov/topics/fleet_topics.hpp>

#include <iostream>
#include <string>

using namespace fleetprov;

#if CASE == 1  // a result is not ignored
int main() {
#ifdef BAD
  topics::classify("x");
#else
  return topics::classify("x") ? 1 : 0;
#endif
}

#elif CASE == 2  // a secret is not copied
int main() {
  const secret key("k");
#ifdef BAD
  const secret copy = key;
#else
  const secret copy = key.clone();
#endif
  return static_cast<int>(copy.size()) - 1;
}

#elif CASE == 3  // a secret is not printed
int main() {
  const secret key("k");
#ifdef BAD
  std::cout << key;
#else
  std::cout << key.size();
#endif
}

#elif CASE == 4  // only messages are encoded
struct not_a_message {
  std::string text;
};
int main() {
#ifdef BAD
  const not_a_message message;
#else
  const payloads::error_response message;
#endif
  return payloads::encode(message, topics::payload_format::json) ? 0 : 1;
}

#elif CASE == 5  // text without a length is no secret by accident
int main() {
#ifdef BAD
  const secret key = "k";
#else
  const secret key("k");
#endif
  return static_cast<int>(key.size()) - 1;
}

#elif CASE == 6  // a template name is made by parse only
int main() {
#ifdef BAD
  const topics::template_name name;
#else
  const auto name = *topics::template_name::parse("T");
#endif
  return static_cast<int>(name.view().size()) - 1;
}

#elif CASE == 7  // too long a text in a constant expression
#ifdef BAD
constexpr inline_text<2> text("abc");
#else
constexpr inline_text<3> text("abc");
#endif
int main() { return static_cast<int>(text.size()) - 3; }

#elif CASE == 8  // the width of inline_text
#ifdef BAD
inline_text<70000> text;
#else
inline_text<60000> text;
#endif
int main() { return static_cast<int>(text.size()); }
#endif
