import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleReport } from "../testing/sample-report.ts";
import { formatSvg } from "./svg.ts";

test("the chart is well-formed XML that shows every contestant", () => {
  const svg = formatSvg(sampleReport);
  assertWellFormed(svg);
  assert.match(svg, />Fan-out: &lt;all&gt; &amp; sundry</);
  assert.match(svg, />2\.00 M \(4\.00x\)</);
  assert.match(svg, />500 k \(1\.00x\), lost 10</);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
});

test("a case that every contestant failed is drawn, too", () => {
  const works = sampleReport.works.map((work) => ({
    ...work,
    cases: work.cases.map((workCase) => ({
      ...workCase,
      results: workCase.results.map((result) => ({ ...result, samples: [], summaries: {} })),
    })),
  }));
  const svg = formatSvg({ ...sampleReport, works });
  assertWellFormed(svg);
  assert.match(svg, />failed</);
});

/** Enough of XML for what is made of elements, quoted attributes and text. */
function assertWellFormed(xml: string): void {
  const open: string[] = [];
  const token =
    /<(?<close>\/)?(?<name>[a-z]+)(?: [a-zA-Z]+="[^"<&]*")*(?<empty>\/)?>|(?<text>(?:[^<&>]|&(?:amp|lt|gt);)+)/y;
  while (token.lastIndex < xml.length) {
    const at = token.lastIndex;
    const groups = token.exec(xml)?.groups;
    assert.ok(groups, `not XML: ${xml.slice(at, at + 60)}`);
    if (groups.close) {
      assert.equal(open.pop(), groups.name);
    } else if (groups.name && !groups.empty) {
      open.push(groups.name);
    }
  }
  assert.deepEqual(open, []);
}
