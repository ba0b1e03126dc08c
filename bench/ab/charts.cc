// SPDX-License-Identifier: Apache-2.0
//
// Four charts over one small frame: a plot area, an x and a y scale, a few ticks.

#include "bench/ab/charts.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "bench/ab/stats.h"

namespace hz4::ab {
namespace {

constexpr double kWidth = 360;
constexpr double kHeight = 190;
constexpr double kLeft = 48;
constexpr double kRight = 10;
constexpr double kTop = 10;
constexpr double kBottom = 34;

struct Point {
  double x = 0;
  double y = 0;
};

struct Range {
  double low = 0;
  double high = 1;

  void Cover(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // A little air, and never nothing.
  void Widen(double share) {
    const double air = high > low ? (high - low) * share : std::max(1e-9, std::fabs(high) * 0.05);
    low -= air;
    high += air;
  }
  double Share(double value) const { return (value - low) / (high - low); }
};

Range RangeOf(const std::vector<double>& values) {
  Range range{values.front(), values.front()};
  for (double value : values) range.Cover(value);
  return range;
}

// Round numbers inside a range, about `wanted` of them.
std::vector<double> Ticks(const Range& range, int wanted) {
  const double raw = (range.high - range.low) / wanted;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = power;
  for (double factor : {2.0, 5.0, 10.0}) {
    const auto distance = [&](double candidate) { return std::fabs(std::log(candidate / raw)); };
    if (distance(factor * power) < distance(step)) step = factor * power;
  }
  std::vector<double> ticks;
  for (double tick = std::ceil(range.low / step) * step; tick <= range.high; tick += step) {
    ticks.push_back(std::fabs(tick) < step / 1000 ? 0 : tick);
  }
  return ticks;
}

// Four digits: neighbouring ticks of a narrow range must not read the same.
std::string ShortNumber(double value) {
  const double size = std::fabs(value);
  if (size >= 1e9) return absl::StrFormat("%.4gG", value / 1e9);
  if (size >= 1e6) return absl::StrFormat("%.4gM", value / 1e6);
  if (size >= 1e3) return absl::StrFormat("%.4gk", value / 1e3);
  return absl::StrFormat("%.4g", value);
}

// The plot area with its axes.
class Frame {
 public:
  Frame(Range x, Range y, const std::string& x_label, const std::string& y_label,
        const std::string& description)
      : x_(x), y_(y) {
    svg_ = absl::StrFormat("<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s\">", kWidth,
                           kHeight, Escaped(description));
    for (double tick : Ticks(y_, 4)) {
      absl::StrAppendFormat(&svg_,
                            "<line class=\"grid\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/>",
                            kLeft, kWidth - kRight, Y(tick), Y(tick));
      absl::StrAppendFormat(&svg_, "<text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%s</text>",
                            kLeft - 4, Y(tick) + 3.5, ShortNumber(tick));
    }
    for (double tick : Ticks(x_, 5)) {
      const bool at_edge = X(tick) > kWidth - 18;
      absl::StrAppendFormat(&svg_, "<text x=\"%.1f\" y=\"%g\" text-anchor=\"%s\">%s</text>",
                            at_edge ? kWidth : X(tick), kHeight - kBottom + 14,
                            at_edge ? "end" : "middle", ShortNumber(tick));
    }
    absl::StrAppendFormat(&svg_, "<line class=\"axis\" x1=\"%g\" x2=\"%g\" y1=\"%g\" y2=\"%g\"/>",
                          kLeft, kWidth - kRight, kHeight - kBottom, kHeight - kBottom);
    absl::StrAppendFormat(&svg_,
                          "<text class=\"label\" x=\"%g\" y=\"%g\" text-anchor=\"end\">%s</text>",
                          kWidth - kRight, kHeight - 4, Escaped(x_label));
    absl::StrAppendFormat(&svg_, "<text class=\"label\" x=\"2\" y=\"%g\">%s</text>", kHeight - 4,
                          Escaped(y_label));
  }

  double X(double value) const { return kLeft + x_.Share(value) * (kWidth - kLeft - kRight); }
  double Y(double value) const {
    return kHeight - kBottom - y_.Share(value) * (kHeight - kTop - kBottom);
  }

  void Mark(const Point& at, std::size_t arm, double radius, const std::string& title) {
    absl::StrAppendFormat(
        &svg_,
        "<circle class=\"arm%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"%g\"><title>%s</title></circle>", arm,
        X(at.x), Y(at.y), radius, Escaped(title));
  }
  void Line(const std::vector<Point>& points, std::size_t arm) {
    std::string path;
    for (const Point& point : points) {
      absl::StrAppendFormat(&path, "%s%.1f %.1f", path.empty() ? "M" : "L", X(point.x), Y(point.y));
    }
    absl::StrAppendFormat(&svg_, "<path class=\"line arm%d\" d=\"%s\"/>", arm, path);
  }
  std::string Finish() { return svg_ + "</svg>"; }

 private:
  Range x_;
  Range y_;
  std::string svg_;
};

// The runs of one arm that have the lane's first metric, with their value.
std::vector<std::pair<const Run*, double>> ArmRuns(const ReportInput& input, const LaneSpec& lane,
                                                   const std::string& arm) {
  std::vector<std::pair<const Run*, double>> found;
  const std::string& metric = lane.metrics.front().name;
  for (const Run* run : input.samples.Runs(input.judgement.stage, lane.name, arm)) {
    const auto value = run->values.find(metric);
    if (value != run->values.end()) found.emplace_back(run, value->second);
  }
  return found;
}

std::vector<double> AllValues(const ReportInput& input, const LaneSpec& lane) {
  std::vector<double> values;
  for (const Arm& arm : input.record.plan.arms) {
    for (const auto& [run, value] : ArmRuns(input, lane, arm.name)) values.push_back(value);
  }
  return values;
}

// The forest plot's axis, in percent of gain.
Range ForestRange(const std::vector<Claim>& claims) {
  Range range{-1, 1};
  for (const Claim& claim : claims) {
    range.Cover(claim.limit);
    if (claim.blocks == 0) continue;
    range.Cover(PercentOfGain(claim.estimate));
    for (double end : {claim.interval.low, claim.interval.high}) {
      if (std::isfinite(end)) range.Cover(PercentOfGain(end));
    }
  }
  range.Widen(0.08);
  return range;
}

const char* ToneClass(Tone tone) {
  return tone == Tone::kGood ? "good" : tone == Tone::kBad ? "bad" : "open";
}

std::string ForestStrip(const Claim& claim, const Range& range) {
  constexpr double kStrip = 300;
  const auto x = [&](double percent) {
    return std::min(kStrip, std::max(0.0, range.Share(percent) * kStrip));
  };
  std::string svg = absl::StrFormat(
      "<svg viewBox=\"0 0 %g 26\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"%s\">",
      kStrip, Escaped(ClaimInWords(claim)));
  absl::StrAppendFormat(&svg, "<line class=\"zero\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"26\"/>",
                        x(0), x(0));
  absl::StrAppendFormat(&svg, "<line class=\"gate\" x1=\"%.1f\" x2=\"%.1f\" y1=\"2\" y2=\"24\"/>",
                        x(claim.limit), x(claim.limit));
  if (claim.blocks > 0) {
    const double low = std::isfinite(claim.interval.low) ? x(PercentOfGain(claim.interval.low)) : 0;
    const double high =
        std::isfinite(claim.interval.high) ? x(PercentOfGain(claim.interval.high)) : kStrip;
    const char* tone = ToneClass(ToneOf(claim.verdict));
    absl::StrAppendFormat(
        &svg, "<line class=\"interval %s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"13\" y2=\"13\"/>", tone,
        low, high);
    absl::StrAppendFormat(
        &svg, "<rect class=\"estimate %s\" x=\"%.1f\" y=\"8\" width=\"5\" height=\"10\"/>", tone,
        x(PercentOfGain(claim.estimate)) - 2.5);
  }
  return svg + "</svg>";
}

}  // namespace

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string ForestPlot(const ReportInput& input) {
  const std::vector<Claim>& claims = input.judgement.claims;
  if (claims.empty()) return "";
  const Range range = ForestRange(claims);
  std::string html = "<div class=\"forest\">";
  for (const Claim& claim : claims) {
    absl::StrAppend(&html, "<div class=\"row\"><span class=\"who\"><code>", Escaped(claim.lane),
                    "</code> ", Escaped(claim.metric),
                    input.record.plan.Variants().size() > 1 ? ", " + Escaped(claim.arm) : "",
                    "</span><span class=\"strip\">", ForestStrip(claim, range), "</span>");
    absl::StrAppend(&html, "<span class=\"what\">", GainText(claim.estimate), " <small>",
                    IntervalText(claim.interval), "</small></span><b class=\"",
                    ToneClass(ToneOf(claim.verdict)), "\">", VerdictName(claim.verdict),
                    "</b></div>");
  }
  absl::StrAppendFormat(&html,
                        "<p class=\"scale\"><span>%+.1f%%</span><span>%+.1f%%</span></p></div>",
                        range.low, range.high);
  return html;
}

std::string RunsOverTime(const ReportInput& input, const LaneSpec& lane) {
  const std::vector<double> values = AllValues(input, lane);
  if (values.empty()) return "";
  Range y = RangeOf(values);
  y.Widen(0.08);
  double first = 0;
  Range x{0, 0};
  for (const Arm& arm : input.record.plan.arms) {
    for (const auto& [run, value] : ArmRuns(input, lane, arm.name)) {
      if (first == 0 || run->started < first) first = run->started;
    }
  }
  for (const Arm& arm : input.record.plan.arms) {
    for (const auto& [run, value] : ArmRuns(input, lane, arm.name)) x.Cover(run->started - first);
  }
  x.Widen(0.03);
  const Metric& metric = lane.metrics.front();
  Frame frame(x, y, "seconds", metric.unit, absl::StrCat("runs of ", lane.name, " over time"));
  for (std::size_t i = 0; i < input.record.plan.arms.size(); ++i) {
    const std::string& arm = input.record.plan.arms[i].name;
    for (const auto& [run, value] : ArmRuns(input, lane, arm)) {
      frame.Mark({run->started - first, value}, i, 2.6,
                 absl::StrCat(arm, ", block ", run->slot.block, ": ", NumberText(value), " ",
                              metric.unit));
    }
  }
  return frame.Finish();
}

std::string Distribution(const ReportInput& input, const LaneSpec& lane) {
  const std::vector<double> values = AllValues(input, lane);
  if (values.empty()) return "";
  Range x = RangeOf(values);
  x.Widen(0.04);
  const Metric& metric = lane.metrics.front();
  Frame frame(x, {0, 1}, metric.unit, "share of runs", absl::StrCat("distribution of ", lane.name));
  for (std::size_t i = 0; i < input.record.plan.arms.size(); ++i) {
    std::vector<double> sorted;
    for (const auto& [run, value] : ArmRuns(input, lane, input.record.plan.arms[i].name)) {
      sorted.push_back(value);
    }
    if (sorted.empty()) continue;
    std::sort(sorted.begin(), sorted.end());
    std::vector<Point> steps = {{x.low, 0}};
    const double count = static_cast<double>(sorted.size());
    for (std::size_t k = 0; k < sorted.size(); ++k) {
      steps.push_back({sorted[k], static_cast<double>(k) / count});
      steps.push_back({sorted[k], static_cast<double>(k + 1) / count});
    }
    steps.push_back({x.high, 1});
    frame.Line(steps, i);
  }
  return frame.Finish();
}

std::string Memory(const ReportInput& input, const LaneSpec& lane) {
  const std::string stage = input.judgement.stage;
  if (lane.FindMetric("peak_rss") == nullptr || stage.empty()) return "";
  const Metric& metric = lane.metrics.front();
  std::vector<std::pair<std::size_t, Point>> marks;
  for (std::size_t i = 0; i < input.record.plan.arms.size(); ++i) {
    const std::string& arm = input.record.plan.arms[i].name;
    const std::vector<double> memory = input.samples.Values(stage, lane.name, "peak_rss", arm);
    const std::vector<double> speed = input.samples.Values(stage, lane.name, metric.name, arm);
    if (!memory.empty() && !speed.empty()) marks.push_back({i, {Median(memory), Median(speed)}});
  }
  if (marks.empty()) return "";
  Range x{0, 0};
  Range y{marks[0].second.y, marks[0].second.y};
  for (const auto& [arm, point] : marks) {
    x.Cover(point.x);
    y.Cover(point.y);
  }
  x.high *= 1.15;
  y.Widen(0.3);
  Frame frame(x, y, "peak RSS, MiB", metric.unit,
              absl::StrCat("memory against speed of ", lane.name));
  for (const auto& [arm, point] : marks) {
    frame.Mark(point, arm, 5,
               absl::StrFormat("%s: %.1f MiB, %s %s", input.record.plan.arms[arm].name, point.x,
                               NumberText(point.y), metric.unit));
  }
  return frame.Finish();
}

std::string Legend(const Plan& plan) {
  std::string html = "<p class=\"legend\">";
  for (std::size_t i = 0; i < plan.arms.size(); ++i) {
    absl::StrAppendFormat(
        &html,
        "<span><svg viewBox=\"0 0 12 12\" width=\"12\" height=\"12\" aria-hidden=\"true\">"
        "<circle class=\"arm%d\" cx=\"6\" cy=\"6\" r=\"5\"/></svg>%s</span>",
        i, Escaped(plan.arms[i].name));
  }
  return html + "</p>";
}

}  // namespace hz4::ab
