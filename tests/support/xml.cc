// SPDX-License-Identifier: Apache-2.0

#include "tests/support/xml.h"

#include <ctype.h>

#include <regex>
#include <set>
#include <vector>

namespace hz4 {
namespace test {
namespace {

const char kName[] = "[A-Za-z_:][-A-Za-z0-9._:]*";

// The attributes of one tag: name="value", distinct names. Returns "" or what is wrong.
std::string CheckAttributes(std::string text) {
  static const std::regex kAttribute("^\\s+(" + std::string(kName) +
                                     ")\\s*=\\s*(\"[^\"<]*\"|'[^'<]*')");
  std::set<std::string> names;
  std::smatch match;
  while (std::regex_search(text, match, kAttribute)) {
    if (!names.insert(match[1]).second) return "attribute " + match[1].str() + " twice";
    text = match.suffix();
  }
  return text.find_first_not_of(" \t\r\n") == text.npos ? "" : "bad attribute: " + text;
}

std::string CheckText(const std::string& text, bool inside) {
  static const std::regex kReference("&(lt|gt|amp|quot|apos|#[0-9]+|#x[0-9a-fA-F]+);");
  if (!inside && text.find_first_not_of(" \t\r\n") != text.npos) return "text outside: " + text;
  const std::string rest = std::regex_replace(text, kReference, "");
  return rest.find('&') == rest.npos ? "" : "stray '&': " + text;
}

}  // namespace

std::string CheckXml(const std::string& text, std::string* root) {
  static const std::regex kTag("^(/?)(" + std::string(kName) + ")([^>]*?)(/?)$");
  std::vector<std::string> open;
  root->clear();
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t start = text.find('<', at);
    const std::string between = text.substr(at, start == text.npos ? text.npos : start - at);
    const std::string bad = CheckText(between, !open.empty());
    if (!bad.empty()) return bad;
    if (start == text.npos) break;
    const bool comment = text.compare(start, 4, "<!--") == 0;
    const std::size_t end = text.find(comment ? "-->" : ">", start);
    if (end == text.npos) return "tag without an end: " + text.substr(start, 40);
    const std::string tag = text.substr(start + 1, end - start - 1);
    at = end + (comment ? 3 : 1);
    if (comment || (start == 0 && tag.front() == '?' && tag.back() == '?')) continue;

    std::smatch match;
    if (!std::regex_match(tag, match, kTag)) return "bad tag: <" + tag + ">";
    const std::string name = match[2];
    if (match[1].length() != 0) {
      if (open.empty() || open.back() != name) return "unexpected </" + name + ">";
      open.pop_back();
      continue;
    }
    const std::string bad_attribute = CheckAttributes(match[3]);
    if (!bad_attribute.empty()) return "<" + name + ">: " + bad_attribute;
    if (open.empty() && !root->empty()) return "a second root element <" + name + ">";
    if (root->empty()) *root = name;
    if (match[4].length() == 0) open.push_back(name);
  }
  if (!open.empty()) return "<" + open.back() + "> is never closed";
  return root->empty() ? "no element" : "";
}

}  // namespace test
}  // namespace hz4
