#include <fleetprov/core/detail/cbor_cursor.hpp>

#include "support/catch.hpp"

using namespace fleetprov;
using fleetprov::detail::cbor_cursor;

TEST_CASE("of several failures of a cursor the first is told") {
  cbor_cursor cursor("\x81");
  CHECK_FALSE(cursor.fail(errc::wrong_type, 3));
  CHECK_FALSE(cursor.fail(errc::encoding, 1));
  CHECK(cursor.failed());
  CHECK(cursor.why() == failure{errc::wrong_type, 3});
}

TEST_CASE("an array has room for as many elements as bytes are left, a map for half as many") {
  struct room {
    std::string_view bytes;
    bool fits;
  };
  for (const room& row : {room{{"\x81\x00", 2}, true}, room{{"\x82\x00", 2}, false}, room{{"\xA1\x60\x00", 3}, true}, room{{"\xA1\x60", 2}, false},
                          room{{"\x9F", 1}, true}}) {
    cbor_cursor cursor(row.bytes);
    const auto head = cursor.read_head();
    REQUIRE(head);
    CAPTURE(static_cast<int>(head->type), head->value);
    CHECK(cursor.fits(0, *head) == row.fits);
    CHECK(cursor.failed() != row.fits);
    if (!row.fits) CHECK(cursor.why() == failure{errc::encoding, 0});
  }
}
