/** Lines of a response that are not empty, as soon as each is whole. */
export async function* jsonLines(source: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of source) {
    rest += decoder.decode(chunk, { stream: true })
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      const line = rest.slice(0, end).trim()
      rest = rest.slice(end + 1)
      if (line !== '') yield line
    }
  }
  if (rest.trim() !== '') yield rest.trim()
}
