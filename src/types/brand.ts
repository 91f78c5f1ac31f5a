declare const brand: unique symbol;

/** A `T` that only the module owning the brand `B` can make. */
export type Branded<T, B extends string> = T & { readonly [brand]: B };
