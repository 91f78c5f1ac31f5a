import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes minutes. Started last, each would run on alone while the other worker has nothing left. */
const LONG = ['test/k8s-acl/', 'test/search/judged', 'test/evaluator/k8s-acl', 'test/ingest/'];

export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONG.findIndex((part) => moduleId.includes(part));
      return at === -1 ? LONG.length : at;
    };
    const usual = await super.sort(files);
    return usual.toSorted((a, b) => rank(a) - rank(b));
  }
}
