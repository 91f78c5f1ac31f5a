import { z } from 'zod';
import type { OpenFgaClient } from './client.ts';
import { OpenFgaUnusable } from './unusable.ts';

/** Where an object may stand as a user: on objects of `objectType`, itself or as its userset `relation`. */
export type UserForm = { readonly objectType: string; readonly relation?: string };

const model = z.object({
  type_definitions: z.array(
    z.object({
      type: z.string(),
      metadata: z
        .object({
          relations: z
            .record(
              z.string(),
              z.object({
                directly_related_user_types: z
                  .array(
                    z.object({
                      type: z.string(),
                      relation: z.string().optional(),
                      wildcard: z.unknown().optional(),
                    }),
                  )
                  .nullish(),
              }),
            )
            .nullish(),
        })
        .nullish(),
    }),
  ),
});

/**
 * By type, every way in which its objects may be users in the store's tuples, under any model that it ever had:
 * Read finds a user only by its whole name and the object's type, and a tuple outlives the model that allowed it.
 */
export async function userForms(
  client: OpenFgaClient,
  storeId: string,
): Promise<ReadonlyMap<string, readonly UserForm[]>> {
  const models = z.array(model).safeParse(await client.readModels(storeId));
  if (!models.success) throw new OpenFgaUnusable('its models are not what they should be');
  const forms = new Map<string, Map<string, UserForm>>();
  for (const { type: objectType, metadata } of models.data.flatMap((of) => of.type_definitions)) {
    const allowed = Object.values(metadata?.relations ?? {}).flatMap(
      (relation) => relation.directly_related_user_types ?? [],
    );
    // A wildcard mentions no object.
    for (const { type, relation } of allowed.filter(({ wildcard }) => !wildcard)) {
      let ofType = forms.get(type);
      if (ofType === undefined) forms.set(type, (ofType = new Map()));
      ofType.set(`${objectType} ${relation ?? ''}`, relation ? { objectType, relation } : { objectType });
    }
  }
  return new Map([...forms].map(([type, ofType]) => [type, [...ofType.values()]]));
}
