import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes minutes. Started last, each would run on alone while the other worker has nothing left. */
const LONG = [
  'test/k8s-acl/k8s-acl',
  'test/faults/',
  'test/crash/',
  'test/k8s-acl/',
  'test/real/',
  'test/agreement/',
  'test/search/judged',
  'test/evaluator/k8s-acl',
  'test/ingest/',
];

export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONG.findIndex((part) => moduleId.includes(part));
      return at === -1 ? LONG.length : at;
    };
    return files.toSorted((a, b) => rank(a) - rank(b));
  }
}
