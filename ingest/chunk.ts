import { RecursiveCharacterTextSplitter } from '@langchain/textsplitters';

/** Characters. Long enough for a paragraph or an abstract to stay whole, short enough for a prompt to hold many. */
const CHUNK_SIZE = 1_800;

const splitter = RecursiveCharacterTextSplitter.fromLanguage('markdown', {
  chunkSize: CHUNK_SIZE,
  chunkOverlap: 0,
});

/** Splits a text at its headings, paragraphs, lines or words, the coarsest that fits. Never empty for a text with a character in it. */
export async function chunk(text: string): Promise<readonly string[]> {
  return splitter.splitText(text);
}
