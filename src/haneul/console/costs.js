// Cost Explorer's answers as numbers.

import { json } from "./aws.js";

const call = (operation, members) => json("ce", `AWSInsightsIndexService.${operation}`, members, "1.1");
export const day = (offset, from = Date.now()) => new Date(from + offset * 86_400_000).toISOString().slice(0, 10);
export const thisMonth = () => ({ Start: `${day(0).slice(0, 8)}01`, End: day(1) });

// [[date, {group: cost}]], following pages.
export async function daily(days, by = "SERVICE") {
  const found = [];
  let token;
  do {
    const answer = await call("GetCostAndUsage", { TimePeriod: { Start: day(1 - days), End: day(1) }, Granularity: "DAILY", Metrics: ["UnblendedCost"], GroupBy: [{ Type: "DIMENSION", Key: by }], NextPageToken: token });
    found.push(...answer.ResultsByTime.map((each) => [each.TimePeriod.Start, Object.fromEntries(each.Groups.map((group) => [group.Keys[0], Number(group.Metrics.UnblendedCost.Amount)]))]));
    token = answer.NextPageToken;
  } while (token);
  return found;
}

// This month's [{keys, cost, quantity, unit}] by these dimensions.
export async function month(...keys) {
  const answer = await call("GetCostAndUsage", { TimePeriod: thisMonth(), Granularity: "MONTHLY", Metrics: ["UnblendedCost", "UsageQuantity"], GroupBy: keys.map((Key) => ({ Type: "DIMENSION", Key })) });
  return answer.ResultsByTime.flatMap((each) => each.Groups).map((group) => ({ keys: group.Keys, cost: Number(group.Metrics.UnblendedCost.Amount),
    quantity: Number(group.Metrics.UsageQuantity.Amount), unit: group.Metrics.UsageQuantity.Unit }));
}

export async function forecast() {
  const now = new Date();
  const end = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)).toISOString().slice(0, 10);
  if (day(1) >= end) return 0;
  return Number((await call("GetCostForecast", { TimePeriod: { Start: day(1), End: end }, Granularity: "MONTHLY", Metric: "UNBLENDED_COST" })).Total.Amount);
}
