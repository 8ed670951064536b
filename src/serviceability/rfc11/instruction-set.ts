/** RFC-11's instructions; it gives them no numbers, so these are from 160 up, apart from all deployed ones. The number is the data's first byte. */
export const Rfc11Instruction = {
  CreateResourceExtension: 160,
  AllocateResource: 161,
  ReleaseResource: 162,
  SetResourceState: 163,
  BackfillEntitySlots: 164,
  CreateAndActivateDevice: 165,
  CreateAndActivateUser: 166,
  CreateAndActivateLink: 167,
  CreateAndActivateInterface: 168,
  CreateAndActivateMulticastGroup: 169,
  DeleteUser: 170,
  DeleteLink: 171,
  DeleteDevice: 172,
  DeleteInterface: 173,
  DeleteMulticastGroup: 174,
  BanUser: 175,
  SweepExpiredUsers: 176,
  UpdateDeviceContributor: 177,
} as const;

export type Rfc11InstructionName = keyof typeof Rfc11Instruction;

/** The instruction's name, or undefined for a number that is none of RFC-11's. */
export function rfc11InstructionName(number: number): Rfc11InstructionName | undefined {
  for (const name of Object.keys(Rfc11Instruction)) if (isName(name) && Rfc11Instruction[name] === number) return name;
  return undefined;
}

const isName = (name: string): name is Rfc11InstructionName => name in Rfc11Instruction;
