import { ServiceabilityError } from '../../src/serviceability/index.ts';
import {
  type Derive,
  decodeRfc11,
  type Rfc11Arguments,
  Rfc11Instruction,
  type Rfc11InstructionName,
  rfc11InstructionName,
} from '../../src/serviceability/rfc11/index.ts';
import { type InstructionContext, InstructionFailure } from '../ledger/runtime.ts';
import {
  createAndActivateDevice,
  createAndActivateInterface,
  createAndActivateLink,
  createAndActivateMulticastGroup,
  deleteDevice,
  deleteInterface,
  deleteLink,
  deleteMulticastGroup,
  updateDeviceContributor,
} from './entities.ts';
import { allocateResource, backfillEntitySlots, createResourceExtension, releaseResource, setResourceState } from './resources.ts';
import type { Frame } from './state.ts';
import { banUser, createAndActivateUser, deleteUser, sweepExpiredUsers } from './users.ts';

type Processors = { readonly [Name in Rfc11InstructionName]: (frame: Frame, args: Rfc11Arguments[Name]) => void };

const PROCESSORS: Processors = {
  CreateResourceExtension: createResourceExtension,
  AllocateResource: allocateResource,
  ReleaseResource: releaseResource,
  SetResourceState: setResourceState,
  BackfillEntitySlots: backfillEntitySlots,
  CreateAndActivateDevice: createAndActivateDevice,
  CreateAndActivateUser: createAndActivateUser,
  CreateAndActivateLink: createAndActivateLink,
  CreateAndActivateInterface: createAndActivateInterface,
  CreateAndActivateMulticastGroup: createAndActivateMulticastGroup,
  DeleteUser: deleteUser,
  DeleteLink: deleteLink,
  DeleteDevice: deleteDevice,
  DeleteInterface: deleteInterface,
  DeleteMulticastGroup: deleteMulticastGroup,
  BanUser: banUser,
  SweepExpiredUsers: sweepExpiredUsers,
  UpdateDeviceContributor: updateDeviceContributor,
};

/** A model, as for SetUserBGPStatus: this program was never built. */
const BASE_UNITS = 8_000;
/** Cost of deriving a program address, with several bumps. */
const DERIVATION_UNITS = 1_500;

/** RFC-11's instructions by number. Each is atomic, like everything in a transaction. */
export function createRfc11Processors(derive: Derive): ReadonlyMap<number, (context: InstructionContext) => void> {
  const processors = new Map<number, (context: InstructionContext) => void>();
  for (const number of Object.values(Rfc11Instruction)) {
    const name = rfc11InstructionName(number);
    if (name !== undefined) processors.set(number, (context) => process(context, name, derive));
  }
  return processors;
}

function process<Name extends Rfc11InstructionName>(context: InstructionContext, name: Name, derive: Derive): void {
  context.log(`Instruction: ${name}`);
  context.consume(BASE_UNITS);
  const args = decodeRfc11(name, context.data);
  if (args === undefined) throw new InstructionFailure('InvalidInstructionData');
  const costly: Derive = (seeds, programId) => {
    context.consume(DERIVATION_UNITS);
    return derive(seeds, programId);
  };
  try {
    PROCESSORS[name]({ context, derive: costly }, args);
  } catch (error) {
    throw error instanceof ServiceabilityError ? new InstructionFailure(causeOf(error)) : error;
  }
}

const ARITHMETIC_OVERFLOW = { Custom: 86 };

/** The SDK's encoding errors as errors of the runtime. */
function causeOf({ code }: ServiceabilityError): InstructionFailure['error'] {
  if (code === 'PDA__BAD_SEEDS') return 'MaxSeedLengthExceeded';
  return code === 'ENCODING__OUT_OF_RANGE' ? ARITHMETIC_OVERFLOW : 'InvalidAccountData';
}
