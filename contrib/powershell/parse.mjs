// Reads PowerShell files and tells what is no PowerShell, where PowerShell itself cannot be had:
//   node --liftoff-only contrib/powershell/parse.mjs FOLDER FILE...
// FOLDER is where npm has installed web-tree-sitter and tree-sitter-powershell. (Without --liftoff-only node spends
// many seconds on optimizing a parser that is used once.)
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [folder, ...files] = process.argv.slice(2)
const require = createRequire(pathToFileURL(folder + '/'))
const { Parser, Language } = await import(pathToFileURL(require.resolve('web-tree-sitter')))

await Parser.init()
const parser = new Parser()
parser.setLanguage(await Language.load(require.resolve('tree-sitter-powershell/tree-sitter-powershell.wasm')))

let wrong = 0
function tell(file, node) {
  if (node.isError || node.isMissing) {
    wrong++
    const what = node.isMissing ? `${node.type} is missing` : `cannot be read: ${JSON.stringify(node.text.slice(0, 60))}`
    console.log(`${file}:${node.startPosition.row + 1}:${node.startPosition.column + 1}: ${what}`)
  } else if (node.hasError) {
    node.children.forEach((child) => tell(file, child))
  }
}
for (const file of files) {
  tell(file, parser.parse(readFileSync(file, 'utf8')).rootNode)
}
process.exit(wrong > 0 ? 1 : 0)
