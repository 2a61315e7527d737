/** The hub takes no shorter password. */
export const SHORTEST = 12
