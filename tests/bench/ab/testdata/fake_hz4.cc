// SPDX-License-Identifier: Apache-2.0
//
// A library that reports as hz4 does and allocates nothing: preloaded, it writes the configuration
// line at launch and counters at exit to HZ4_OUTPUT. Its fingerprint covers HZ4_FRONT,
// HZ4_MID_ROUTE and HZ4_MID_LOCKPATH_OUTLOCK_REFILL; the last implies the ladder, as in the
// registry.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

std::string Value(const char* name, const char* otherwise) {
  const char* value = getenv(name);
  return value == nullptr ? otherwise : value;
}

struct Fake {
  std::string front = Value("HZ4_FRONT", "percpu");
  std::string refill = Value("HZ4_MID_LOCKPATH_OUTLOCK_REFILL", "0");
  std::string route = Value("HZ4_MID_ROUTE", refill == "1" ? "ladder" : "array");

  std::string Fingerprint() const {
    unsigned long hash = 5381;
    for (char c : front + "/" + refill + "/" + route)
      hash = hash * 33 + static_cast<unsigned char>(c);
    char hex[32];
    std::snprintf(hex, sizeof(hex), "%016lx", hash);
    return hex;
  }

  std::string Knob(const char* name, const std::string& value, const char* default_value) const {
    const char* origin = getenv(name) != nullptr  ? "environment"
                         : value == default_value ? "default"
                                                  : "implied by HZ4_MID_LOCKPATH_OUTLOCK_REFILL";
    return std::string("{\"name\":\"") + name + "\",\"value\":\"" + value + "\",\"default\":\"" +
           default_value + "\",\"origin\":\"" + origin + "\",\"kind\":\"policy\"}";
  }
};

void Write(const std::string& line) {
  const char* path = getenv("HZ4_OUTPUT");
  FILE* file = path == nullptr ? stderr : std::fopen(path, "a");
  if (file == nullptr) return;
  std::fputs(line.c_str(), file);
  if (file != stderr) std::fclose(file);
}

__attribute__((constructor)) void Launch() {
  if (Value("HZ4_PRINT_CONFIG", "") != "json") return;
  const Fake fake;
  Write("{\"hz4\":\"config\",\"version\":\"fake\",\"build_id\":\"\",\"pid\":" +
        std::to_string(getpid()) + ",\"fingerprint\":\"" + fake.Fingerprint() +
        "\",\"library\":\"fake\",\"knobs\":[" + fake.Knob("HZ4_FRONT", fake.front, "percpu") + "," +
        fake.Knob("HZ4_MID_ROUTE", fake.route, "array") + "," +
        fake.Knob("HZ4_MID_LOCKPATH_OUTLOCK_REFILL", fake.refill, "0") + "],\"notes\":[]}\n");
}

__attribute__((destructor)) void Exit() {
  if (Value("HZ4_STATS", "") != "json") return;
  const Fake fake;
  const std::string refills = fake.refill == "1" ? "12" : "0";
  Write(
      "{\"hz4\":\"stats\",\"counters\":{\"malloc_calls\":100}}\n[HZ4_MID_STATS_B1] malloc_calls=50 "
      "malloc_outlock_refill_calls=" +
      refills + "\n");
}

}  // namespace
