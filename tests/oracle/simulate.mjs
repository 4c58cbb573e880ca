// Answers one simulation per line of standard input with one line: the overall result, or the errors.
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
const { runSimulation } = createRequire(process.argv[2] + '/')('@cloud-copilot/iam-simulate')

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await runSimulation(JSON.parse(line), {})
  const shown = answer.resultType === 'error' ? { errors: answer.errors } : { result: answer.overallResult }
  process.stdout.write(JSON.stringify(shown) + '\n')
}
