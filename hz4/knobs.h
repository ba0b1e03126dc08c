// SPDX-License-Identifier: Apache-2.0
//
// The registry of knobs and what an environment makes of it. Pure: reads what it is given,
// allocates nothing, needs nothing of the allocator, so tools link it too.
//
//   KnobSet set = ParseKnobs(envp, &sink);      // sink: one call per line for the user
//   if (set.Fatal()) <end the process>;         // HZ4_STRICT=abort and an error
//   ... set.value.mid_route == MidRoute::kLadder ...
//
// Parsing, in this order: HZ4_PROFILE's rows; the variables; numbers bounded by other knobs; what
// the boxes that are set need ("implied"); boxes whose needs are switched off ("fallback"). Every
// error, implication and variable without effect is one line to the sink and one entry of notes.
#ifndef HZ4_KNOBS_H_
#define HZ4_KNOBS_H_

#include <cstddef>
#include <cstdint>

namespace hz4 {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;

// --- types, from knobs_choices.def and profiles.def ---

#define HZ4_CHOICES_BEGIN(type) enum class type : uint8_t {
#define HZ4_CHOICE_VALUE(id, name) id,
#define HZ4_CHOICES_END(type) \
  }                           \
  ;
#include "hz4/knobs_choices.def"

enum class ProfileId : uint8_t {
#define HZ4_PROFILE(id, name, sentence) id,
#include "hz4/profiles.def"
};

// A text of at most kTextMax bytes, NUL at the end.
inline constexpr size_t kTextMax = 255;
struct Text {
  char chars[kTextMax + 1];
};

// --- the knobs, from knobs.def ---

enum class KnobId : uint8_t {
#define HZ4_ANY(id, ...) id,
#include "hz4/knobs.def"
  kCount,
};
inline constexpr size_t kKnobCount = static_cast<size_t>(KnobId::kCount);

// Plain data, one field per row; a Knobs{} holds the defaults.
struct Knobs {
#define HZ4_BOOL(id, field, name, initial, ...) bool field = initial;
#define HZ4_NUMBER(id, field, name, initial, ...) uint64_t field = initial;
#define HZ4_BYTES(id, field, name, initial, ...) uint64_t field = initial;
#define HZ4_DURATION(id, field, name, initial, ...) uint64_t field = initial;
#define HZ4_CHOICE(id, field, name, type, initial, ...) type field = type::initial;
#define HZ4_TEXT(id, field, name, initial, ...) Text field = {initial};
#include "hz4/knobs.def"
};

// --- where a value came from ---

enum class OriginKind : uint8_t { kDefault, kProfile, kEnvironment, kImplied, kFallback };

struct Origin {
  OriginKind kind = OriginKind::kDefault;
  KnobId by = KnobId::kCount;  // kImplied: who needs it; kFallback without why: whose value it is
  const char* why = nullptr;   // kFallback: the reason, a string that lives as long as the process
};

struct KnobSet {
  Knobs value;
  Origin origin[kKnobCount];
  unsigned errors = 0;
  unsigned notes_dropped = 0;  // notes beyond the buffer; the sink saw them all
  size_t notes_size = 0;
  char notes[1024] = {};  // each NUL-terminated, one behind the other

  const Origin& OriginOf(KnobId id) const { return origin[static_cast<size_t>(id)]; }
  // An error, and HZ4_STRICT=abort.
  bool Fatal() const { return errors != 0 && value.strict == StrictMode::kAbort; }
};
static_assert(sizeof(KnobSet) <= 4096, "the sealed section holds it in one page");

// Takes one line, without "hz4: " before it and without a newline, not NUL-terminated. Null: lines
// are only counted and noted.
struct DiagnosticSink {
  void (*line)(void* context, const char* text, size_t length);
  void* context;
};

// envp: "NAME=VALUE" strings, null at the end; nullptr (AT_SECURE) is the empty environment. Of a
// name that stands there twice the first counts, as with getenv.
KnobSet ParseKnobs(const char* const* envp, const DiagnosticSink* sink);

// What Resolve found impossible on this machine: sets the value with origin "fallback because why"
// and notes it; the sink hears of it only when the user asked for the value that is not to be had.
void SetFallback(KnobSet* set, KnobId id, uint64_t value, const char* why,
                 const DiagnosticSink* sink = nullptr);

// Over the names and values of the policy knobs that have an effect: 0 never, independent of the
// order of rows, equal for two sets that make the same allocator, and for a counting run and the
// timed arm.
uint64_t Fingerprint(const Knobs& knobs);

// Whether the knob's value can matter under these knobs: what it needs is so, and its box is on.
// A box that is off is effective when it could be switched on.
bool HasEffect(const Knobs& knobs, KnobId id);

}  // namespace hz4

#endif  // HZ4_KNOBS_H_
