// What every page is made of: elements, tables, messages, and the two languages.

const TEXTS = {
  en: {
    skip: "Skip to content", accessKey: "Access key", secretKey: "Secret", region: "Region", signIn: "Sign in", home: "Home",
    buckets: "S3 buckets", tables: "DynamoDB", queues: "SQS queues", log: "Request log", bill: "Bill", create: "Create", delete: "Delete",
    name: "Name", size: "Size", modified: "Modified", upload: "Upload files", download: "Download", preview: "Preview", link: "Link (1 h)",
    empty: "Nothing here yet.", sure: "Delete {0}? This can't be undone.", status: "Status", items: "Items", save: "Save", scan: "Load items",
    newItem: "New item", run: "Run", service: "Service", operation: "Operation", time: "Time", took: "ms", code: "Code", filter: "Filter",
    cost: "Cost (USD)", quantity: "Quantity", byDay: "By day", thisMonth: "This month by usage", signedInAs: "Signed in as {0}",
    dropHere: "or drop files here", send: "Send", receive: "Receive", purge: "Purge", message: "Message", mode: "Mode", version: "Version",
    back: "Back", loaded: "in use", ready: "ready", partiql: "PartiQL statement", key: "Partition key (string)", done: "Done.",
    databases: "RDS databases", identity: "IAM", users: "Users", roles: "Roles", policies: "Policies", simulate: "Try a policy",
    engine: "Engine", functions: "Lambda functions", vaults: "Glacier vaults", jobs: "Jobs", testEvent: "Test event", token: "Session token", endpoint: "Endpoint",
  },
  ko: {
    skip: "본문으로 건너뛰기", accessKey: "액세스 키", secretKey: "비밀 키", region: "리전", signIn: "로그인", home: "홈",
    buckets: "S3 버킷", tables: "DynamoDB", queues: "SQS 대기열", log: "요청 기록", bill: "요금", create: "만들기", delete: "삭제",
    name: "이름", size: "크기", modified: "수정한 때", upload: "파일 올리기", download: "내려받기", preview: "미리 보기", link: "링크 (1시간)",
    empty: "아직 아무것도 없습니다.", sure: "{0}을(를) 삭제할까요? 되돌릴 수 없습니다.", status: "상태", items: "항목", save: "저장", scan: "항목 불러오기",
    newItem: "새 항목", run: "실행", service: "서비스", operation: "작업", time: "시각", took: "밀리초", code: "코드", filter: "거르기",
    cost: "요금 (USD)", quantity: "양", byDay: "날짜별", thisMonth: "이번 달 사용량별", signedInAs: "{0}(으)로 로그인했습니다",
    dropHere: "또는 여기에 파일을 놓으세요", send: "보내기", receive: "받기", purge: "비우기", message: "메시지", mode: "모드", version: "버전",
    back: "뒤로", loaded: "사용 중", ready: "준비됨", partiql: "PartiQL 문", key: "파티션 키 (문자열)", done: "됐습니다.",
    databases: "RDS 데이터베이스", identity: "IAM", users: "사용자", roles: "역할", policies: "정책", simulate: "정책 시험",
    engine: "엔진", functions: "Lambda 함수", vaults: "Glacier 볼트", jobs: "작업 목록", testEvent: "시험 이벤트", token: "세션 토큰", endpoint: "엔드포인트",
  },
};

let language = localStorage.getItem("language") || (navigator.language.startsWith("ko") ? "ko" : "en");

export const text = (name, ...values) => values.reduce((t, v, i) => t.replace(`{${i}}`, v), TEXTS[language][name] || name);
export const currentLanguage = () => language;

export function setLanguage(wanted) {
  language = wanted;
  localStorage.setItem("language", wanted);
  document.documentElement.lang = wanted;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
}

// h("button", { onclick, class: "danger" }, "Delete"): an element; text is always text, never markup.
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return element;
}

export function table(heads, rows) {
  if (rows.length === 0) return h("p", { class: "quiet" }, text("empty"));
  return h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => (cell instanceof Node && cell.tagName === "TD" ? cell : h("td", {}, cell)))))));
}

export const number = (value) => h("td", { class: "number" }, value);

export function flash(message, bad = false) {
  const box = h("div", bad ? { class: "bad" } : {}, message);
  document.getElementById("flash").append(box);
  setTimeout(() => box.remove(), bad ? 12000 : 4000);
}

// Wraps what a button does: errors are shown with AWS's code and words.
export const safely = (work) => async (event) => {
  event?.preventDefault?.();
  try {
    await work(event);
  } catch (error) {
    flash(error.code ? `${error.code}: ${error.message}` : String(error), true);
  }
};

export function bytes(size) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  for (; size >= 1024 && at < units.length - 1; at += 1) size /= 1024;
  return `${at === 0 ? size : size.toFixed(1)} ${units[at]}`;
}

export function field(label, attributes = {}) {
  const input = h(attributes.rows ? "textarea" : "input", attributes);
  return [h("label", {}, label + " ", input), input];
}
