#pragma once
// Paho C keeps a trace in memory and frees it with the last client. A thread of its own that ends a little later writes
// its last line into a new one, which nobody frees: one run in ten of LeakSanitizer finds it. Errors only: it writes none.

#include <MQTTAsync.h>

namespace test {

inline const bool paho_traces_errors_only = (MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR), true);

}  // namespace test
