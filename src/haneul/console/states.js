// How a state looks: a dot in its colour before AWS's own word.

import { h } from "./page.js";

const TONES = {
  good: ["running", "available", "in-use", "completed", "passed", "ok", "active", "ACTIVE", "associated", "attached", "Active", "InService", "Healthy", "Successful", "Succeeded"],
  warn: ["pending", "stopping", "shutting-down", "creating", "deleting", "CREATING", "UPDATING", "DELETING", "initializing", "modifying", "attaching", "detaching", "Pending", "InProgress", "Terminating", "Terminating:Wait", "Pending:Wait", "PreInService"],
  bad: ["failed", "error", "impaired", "blackhole", "Failed", "Unhealthy", "Cancelled"],
};

export function tone(state = "") {
  const found = Object.entries(TONES).find(([, states]) => states.includes(state));
  return h("span", { class: found ? found[0] : "quiet" }, `● ${state}`);
}
