// Zip archives in the browser: read whole (stored and deflated members), written stored.
// Source: PKWARE, APPNOTE 6.3.10.

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const UNIX_FILE = (0o100644 << 16) >>> 0;

const TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function crc32(data) {
  let sum = 0xffffffff;
  for (const byte of data) sum = TABLE[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

async function inflated(data) {
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// name -> {data, mode}; folders are left out.
export async function unzip(buffer) {
  const view = new DataView(buffer);
  let end = buffer.byteLength - 22;
  while (end >= 0 && view.getUint32(end, true) !== END) end -= 1;
  if (end < 0) throw new Error("This is no zip archive.");
  const found = new Map();
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0 && view.getUint32(at, true) === ENTRY; left -= 1) {
    const [method, packed, nameSize, extra, note] = [view.getUint16(at + 10, true), view.getUint32(at + 20, true), view.getUint16(at + 28, true), view.getUint16(at + 30, true), view.getUint16(at + 32, true)];
    const name = decoder.decode(new Uint8Array(buffer, at + 46, nameSize));
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const data = new Uint8Array(buffer, start, packed);
    if (!name.endsWith("/")) found.set(name, { data: method === 0 ? data : await inflated(data), mode: view.getUint32(at + 38, true) });
    at += 46 + nameSize + extra + note;
  }
  return found;
}

// The archive of {name -> {data, mode}}, its members stored.
export function zip(files) {
  const parts = [];
  const entries = [];
  let offset = 0;
  for (const [name, { data, mode = UNIX_FILE }] of files) {
    const title = encoder.encode(name);
    const shared = [20, 0x0800, 0, 0, 0x21]; // version, UTF-8 names, stored, no time, 1980-01-01
    const local = header(30, [[0, 4, LOCAL], ...shared.map((value, index) => [4 + index * 2, 2, value]), [14, 4, crc32(data)], [18, 4, data.length], [22, 4, data.length], [26, 2, title.length]]);
    const entry = header(46, [[0, 4, ENTRY], [4, 2, 0x0314], ...shared.map((value, index) => [6 + index * 2, 2, value]), [16, 4, crc32(data)], [20, 4, data.length], [24, 4, data.length],
      [28, 2, title.length], [38, 4, mode], [42, 4, offset]]);
    parts.push(local, title, data);
    entries.push(entry, title);
    offset += 30 + title.length + data.length;
  }
  const size = entries.reduce((sum, each) => sum + each.length, 0);
  const end = header(22, [[0, 4, END], [8, 2, files.size], [10, 2, files.size], [12, 4, size], [16, 4, offset]]);
  return new Blob([...parts, ...entries, end]).arrayBuffer();
}

function header(size, fields) {
  const view = new DataView(new ArrayBuffer(size));
  for (const [at, width, value] of fields) width === 2 ? view.setUint16(at, value, true) : view.setUint32(at, value, true);
  return new Uint8Array(view.buffer);
}
