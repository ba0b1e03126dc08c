// SPDX-License-Identifier: Apache-2.0
//
// Well-formedness of a small XML document, for malloc_info.
#ifndef HZ4_TESTS_SUPPORT_XML_H_
#define HZ4_TESTS_SUPPORT_XML_H_

#include <string>

namespace hz4 {
namespace test {

// One root element, tags balanced, attributes quoted and distinct, no stray '<' or '&'. Comments,
// a leading declaration and the five named entities are known; DTDs, CDATA and a '>' inside an
// attribute are not.
// Returns "" and sets *root to the root element's name, or says what is wrong.
std::string CheckXml(const std::string& text, std::string* root);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_SUPPORT_XML_H_
