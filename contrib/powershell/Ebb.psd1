@{
    RootModule           = 'Ebb.psm1'
    ModuleVersion        = '0.1.0'
    GUID                 = '6d0f3c5e-0c0b-4f0e-9a57-3f5a8f1c2e91'
    Author               = 'The ebb authors'
    Description          = 'The words of BitsTransfer for ebb, on every system that PowerShell 7 runs on. It calls the program ebb, which has to be in the PATH.'
    PowerShellVersion    = '7.0'
    CompatiblePSEditions = @('Core')
    FunctionsToExport    = @(
        'Start-EbbTransfer'
        'Add-EbbFile'
        'Get-EbbTransfer'
        'Set-EbbTransfer'
        'Suspend-EbbTransfer'
        'Resume-EbbTransfer'
        'Complete-EbbTransfer'
        'Remove-EbbTransfer'
    )
    CmdletsToExport      = @()
    VariablesToExport    = @()
    AliasesToExport      = @()
}
