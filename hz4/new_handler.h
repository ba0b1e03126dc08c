// SPDX-License-Identifier: Apache-2.0
//
// What operator new does when there is no memory, without linking the C++ library: the program's
// own copy is looked up when it is needed, because it may have been dlopened after us.
#ifndef HZ4_NEW_HANDLER_H_
#define HZ4_NEW_HANDLER_H_

#include <cstddef>

namespace hz4 {

// Calls the new handler and tries again until there is memory; throws std::bad_alloc when there is
// no handler, and ends the process when nothing can be thrown (a program without a C++ library).
// align 0: as malloc aligns. The handler's exceptions pass through.
void* NewFailed(size_t size, size_t align);
// The same for the nothrow operators: nullptr when there is no handler or it throws.
void* NewFailedNothrow(size_t size, size_t align);

}  // namespace hz4

#endif  // HZ4_NEW_HANDLER_H_
